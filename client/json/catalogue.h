/* catalogue.h - the catalogue of events as values, from the rows the daemon is built from. */
#ifndef CLIENT_JSON_CATALOGUE_H
#define CLIENT_JSON_CATALOGUE_H

#include "trial/event.h"
#include "trial/value.h"

/** One row: type, doc, subject, by, rule, feeds, fields. */
trial_value *catalogue_row(trial_arena *arena, const trial_event_row *row);

/** All rows, in the order of the catalogue. */
trial_value *catalogue_rows(trial_arena *arena);

/** Who may say it, one text each; empty: anyone. */
trial_value *catalogue_emitters(trial_arena *arena, trial_emitters emitters);

/** The kind of subject, or `any`. */
trial_text catalogue_subject(trial_kind kind);

/** What a field of that kind holds, for a person. */
const char *catalogue_kind_doc(trial_field_kind kind);

#endif
