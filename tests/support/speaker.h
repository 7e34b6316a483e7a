/* speaker.h - whoever speaks in a test: events of any source, the daemon's own among them. */
#ifndef TESTS_SPEAKER_H
#define TESTS_SPEAKER_H

#include "engine.h"

static const engine_speaker anybody = { .is_daemon = true };

#endif
