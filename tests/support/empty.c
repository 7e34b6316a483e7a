typedef int trial_empty_room; /* a room without a file of its own yet */
