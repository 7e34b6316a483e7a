/* empty.c - stands in for a room without a file of its own yet, for a library needs one. */
typedef int trial_empty_room;
