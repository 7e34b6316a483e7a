/* moment.c - see moment.h. Now is read from the tables; any other moment is folded, lazily and only
 * as far as the question reaches: one programme's events where it names one, else the log. */
#include "moment.h"

#include "links.h"
#include "reach.h"
#include "row.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>

/* A fold of one programme's events, or of the whole log (absent programme), up to a choice. */
struct folded {
    struct folded *next;
    trial_text programme; /* in the moment's arena */
    moment_choice choice;
    scratch *states;
};

/* What is shared by a moment and the moments that `at` derives from it. */
struct ground {
    store_read *read;
    uint64_t committed;
    moment_choice choice; /* of the moment itself */
    struct folded *folds;
    trial_arena arena; /* what lives as long as the moment */
};

struct moment {
    struct ground *ground;
    moment_choice choice;
    bool is_derived;
    trial_arena found; /* what `find` returned */
};

bool moment_is_now(const moment_choice *choice)
{
    return choice->as_of == TRIAL_INSTANT_NONE && choice->known_at == TRIAL_INSTANT_NONE &&
           choice->known_position == 0;
}

bool moment_takes(const moment_choice *choice, const proto_record *record)
{
    return (choice->as_of == TRIAL_INSTANT_NONE || record->time <= choice->as_of) &&
           (choice->known_at == TRIAL_INSTANT_NONE || record->ingest <= choice->known_at) &&
           (choice->known_position == 0 || record->position <= choice->known_position);
}

/* Ingest times never decrease along the log, so halving finds the last one not behind the choice.
 */
trial_code moment_last(store_read *read,
                       uint64_t committed,
                       const moment_choice *choice,
                       uint64_t *ret_last,
                       trial_error *err)
{
    uint64_t known = 0; /* known then, as far as looked */
    uint64_t end = committed;

    if (choice->known_position != 0 && choice->known_position < end) {
        end = choice->known_position;
    }
    if (choice->known_at == TRIAL_INSTANT_NONE) {
        known = end;
    }
    while (known < end) {
        uint64_t middle = known + (end - known + 1) / 2;
        trial_bytes bytes = { 0 };
        proto_record record;
        trial_code code = store_read_record(read, middle, &bytes, err);

        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        if (record.ingest <= choice->known_at) {
            known = middle;
        } else {
            end = middle - 1;
        }
    }
    *ret_last = known;
    return TRIAL_OK;
}

static trial_code
read_moment(trial_text text, const char *field, trial_instant *ret_instant, trial_error *err)
{
    trial_date date;
    trial_code code;

    if (text.size == 10) {
        code = trial_date_read(text, &date, err);
        *ret_instant = code == TRIAL_OK ? trial_date_end(date) : TRIAL_INSTANT_NONE;
    } else {
        code = trial_instant_read(text, ret_instant, err);
    }
    if (code != TRIAL_OK) {
        (void)trial_fail_field(err, "%s", field);
    }
    return code;
}

trial_code
moment_choose(trial_text as_of, trial_bytes known_at, moment_choice *ret_choice, trial_error *err)
{
    pack_reader reader = pack_reader_of(known_at);
    trial_code code = TRIAL_OK;

    *ret_choice = (moment_choice){ .as_of = TRIAL_INSTANT_NONE, .known_at = TRIAL_INSTANT_NONE };
    if (trial_text_is_set(as_of)) {
        code = read_moment(as_of, "as_of", &ret_choice->as_of, err);
    }
    if (code != TRIAL_OK || known_at.data == NULL) {
        return code;
    }
    if (pack_peek(&reader) == PACK_TEXT) {
        return read_moment(pack_text(&reader), "known_at", &ret_choice->known_at, err);
    }
    ret_choice->known_position = pack_unsigned(&reader);
    if (reader.has_failed || ret_choice->known_position == 0) {
        code = trial_fail_rule(err,
                               TRIAL_RULE_WRONG_TYPE,
                               "'known_at' is a day, an RFC 3339 time or a position from 1");
        (void)trial_fail_field(err, "known_at");
    }
    return code;
}

moment *moment_open(store_read *read, uint64_t committed, const moment_choice *choice)
{
    moment *m = trial_memory(sizeof *m);

    m->ground = trial_memory(sizeof *m->ground);
    m->ground->read = read;
    m->ground->committed = committed;
    m->ground->choice = *choice;
    m->choice = *choice;
    return m;
}

static bool same_choice(const moment_choice *a, const moment_choice *b)
{
    return a->as_of == b->as_of && a->known_at == b->known_at &&
           a->known_position == b->known_position;
}

/* Let go of what a derived moment alone rests on: a question may ask about a thousand days. */
static void drop_folds(struct ground *ground, const moment_choice *choice)
{
    struct folded **link = &ground->folds;

    while (*link != NULL && !same_choice(choice, &ground->choice)) {
        struct folded *fold = *link;

        if (same_choice(&fold->choice, choice)) {
            *link = fold->next;
            scratch_done(fold->states);
        } else {
            link = &fold->next;
        }
    }
}

void moment_close(moment *m)
{
    if (m == NULL) {
        return;
    }
    trial_arena_done(&m->found);
    if (m->is_derived) {
        drop_folds(m->ground, &m->choice);
    } else {
        for (struct folded *fold = m->ground->folds; fold != NULL; fold = fold->next) {
            scratch_done(fold->states);
        }
        trial_arena_done(&m->ground->arena);
        free(m->ground);
    }
    free(m);
}

/* A fold on its way through the log. */
struct folding {
    struct ground *ground;
    const moment_choice *choice;
    fold_rows rows;
    uint64_t at;       /* the position that is being folded, of one programme's */
    trial_arena arena; /* what lives for one event */
    trial_code code;
    trial_error *err;
};

static trial_code
record_of_read(void *context, uint64_t position, trial_bytes *ret_record, trial_error *err)
{
    const struct folding *folding = context;

    return store_read_record(folding->ground->read, position, ret_record, err);
}

static bool is_chosen(void *context, const proto_record *record)
{
    const struct folding *folding = context;

    return moment_takes(folding->choice, record);
}

/* Fold one record if it is among the chosen; false ends the walk. */
static bool fold_visited(void *context, trial_bytes key, trial_bytes value)
{
    struct folding *folding = context;

    (void)key;
    folding->code = fold_bytes(&folding->rows, value, false, &folding->arena, folding->err);
    return folding->code == TRIAL_OK;
}

/* Fold what was reached, in its order. */
static trial_code fold_reached(struct folding *folding, const reach *reached)
{
    trial_code code = TRIAL_OK;

    for (size_t i = 0; code == TRIAL_OK && i < reached->count; i++) {
        trial_bytes bytes = { 0 };

        folding->at = reached->items[i];
        code = store_read_record(folding->ground->read, folding->at, &bytes, folding->err);
        if (code == TRIAL_OK && !fold_visited(folding, (trial_bytes){ 0 }, bytes)) {
            code = folding->code;
        }
    }
    return code;
}

/* A subject of another programme than the one that is folded, or a municipality with what other
 * programmes made of it, as it stood in front of the event that is folded. Only a correction asks,
 * which has the rules look at a history again. */
static trial_code fold_elsewhere(void *context,
                                 trial_kind kind,
                                 trial_text id,
                                 trial_arena *arena,
                                 trial_bytes *ret_state,
                                 trial_error *err)
{
    const struct folding *asking = context;
    struct folding folding = { .ground = asking->ground, .choice = asking->choice, .err = err };
    scratch *states = scratch_new();
    reach reached;
    trial_bytes bytes = { 0 };
    trial_code code = reach_subject(asking->ground->read, kind, id, asking->at, &reached, err);

    folding.rows = scratch_rows(states, record_of_read, &folding);
    scratch_limit(states, is_chosen);
    if (code == TRIAL_OK) {
        code = fold_reached(&folding, &reached);
    }
    if (code == TRIAL_OK) {
        bytes = scratch_get(states, kind, id);
    }
    *ret_state = bytes.data == NULL ? bytes : trial_arena_bytes(arena, bytes);
    trial_arena_done(&folding.arena);
    reach_done(&reached);
    scratch_done(states);
    return code;
}

static trial_code fold_programme(struct folding *folding, trial_text programme)
{
    reach reached;
    trial_code code = reach_programme(folding->ground->read, programme, &reached, folding->err);

    if (code == TRIAL_OK) {
        code = fold_reached(folding, &reached);
    }
    reach_done(&reached);
    return code;
}

/* The states of this choice and programme, folded when they are first asked for. */
static trial_code get_fold(moment *m, trial_text programme, scratch **ret_states, trial_error *err)
{
    struct ground *ground = m->ground;
    struct folding folding = { .ground = ground, .choice = &m->choice, .err = err };
    struct folded *fold = ground->folds;
    trial_code code;

    while (fold != NULL && !(trial_text_equal(fold->programme, programme) &&
                             same_choice(&fold->choice, &m->choice))) {
        fold = fold->next;
    }
    if (fold == NULL) {
        fold = trial_arena_take(&ground->arena, sizeof *fold);
        *fold = (struct folded){
            ground->folds, trial_arena_text(&ground->arena, programme), m->choice, scratch_new()
        };
        ground->folds = fold;
        folding.rows = scratch_rows(fold->states, record_of_read, &folding);
        scratch_limit(fold->states, is_chosen);
        if (programme.size > 0) {
            scratch_look_elsewhere(fold->states, fold_elsewhere);
            code = fold_programme(&folding, programme);
        } else {
            code = store_read_log(ground->read, 1, false, fold_visited, &folding, err);
            code = code == TRIAL_OK ? folding.code : code;
        }
        trial_arena_done(&folding.arena);
        if (code != TRIAL_OK) {
            return code;
        }
    }
    *ret_states = fold->states;
    return TRIAL_OK;
}

/* Decode a state for a visitor. */
static trial_code decode(trial_kind kind,
                         trial_text id,
                         trial_bytes bytes,
                         trial_arena *arena,
                         trial_state *ret_state,
                         trial_error *err)
{
    ret_state->kind = kind;
    ret_state->id = trial_arena_text(arena, id);
    if (proto_row_read(bytes, arena, ret_state, err) != TRIAL_OK) {
        return trial_fail(err,
                          TRIAL_STORAGE,
                          "the state of '%.*s' cannot be read; rebuild the views",
                          TRIAL_TEXT_ARGS(id));
    }
    return TRIAL_OK;
}

/* A walk over states for a view. */
struct walk {
    moment *m;
    trial_kind kind;
    trial_text programme;    /* only of this one; absent: all */
    trial_text municipality; /* only those that name it; absent: all */
    size_t prefix_size;
    views_visit *visit;
    void *visitor;
    trial_arena arena; /* what lives for one visit */
    trial_code code;
    trial_error *err;
};

static bool show(struct walk *walk, trial_text id, trial_bytes bytes)
{
    trial_arena *arena = &walk->arena;
    trial_state state;
    bool goes_on = true;

    walk->code = decode(walk->kind, id, bytes, arena, &state, walk->err);
    if (walk->code != TRIAL_OK) {
        return false;
    }
    if ((walk->programme.size == 0 ||
         trial_text_equal(trial_state_programme(&state), walk->programme)) &&
        (walk->municipality.size == 0 || links_has_municipality(&state, walk->municipality))) {
        goes_on = walk->visit(walk->visitor, &state);
    }
    trial_arena_reset(arena);
    return goes_on;
}

static bool show_row(void *context, trial_bytes key, trial_bytes value)
{
    return show(context, key_state_id(key), value);
}

/* Follow a link to the state it comes from. */
static bool show_linked(void *context, trial_bytes key_bytes, trial_bytes value)
{
    struct walk *walk = context;
    trial_text id = key_link_id(key_bytes, walk->prefix_size);
    trial_bytes state = { 0 };
    row_key k;

    (void)value;
    key_state(walk->kind, id, &k);
    walk->code =
        store_read_get(walk->m->ground->read, STORE_STATE, key_span(&k), &state, walk->err);
    if (walk->code != TRIAL_OK || state.data == NULL) {
        return walk->code == TRIAL_OK;
    }
    return show(walk, id, state);
}

static bool has_programme(trial_kind kind)
{
    return kind == TRIAL_KIND_NETWORK || kind == TRIAL_KIND_TRIAL || kind == TRIAL_KIND_LAW;
}

static trial_code walk_folded(struct walk *walk)
{
    scratch *states = NULL;
    trial_bytes key_bytes;
    trial_bytes value;
    trial_code code = get_fold(walk->m, walk->programme, &states, walk->err);

    if (code != TRIAL_OK) {
        return code;
    }
    if (!has_programme(walk->kind)) {
        walk->programme = (trial_text){ 0 };
    }
    scratch_rewind(states, walk->kind);
    while (scratch_next(states, &key_bytes, &value)) {
        if (!show_row(walk, key_bytes, value)) {
            break;
        }
    }
    return walk->code;
}

static trial_code walk_now(struct walk *walk, key_relation relation, trial_text named)
{
    bool is_linked = named.size > 0;
    trial_code code;
    row_key prefix;

    if (is_linked) {
        key_link_prefix(relation, named, walk->kind, &prefix);
    } else {
        key_state(walk->kind, (trial_text){ 0 }, &prefix);
    }
    walk->prefix_size = prefix.size;
    code = store_read_each(walk->m->ground->read,
                           is_linked ? STORE_LINK : STORE_STATE,
                           key_span(&prefix),
                           (trial_bytes){ 0 },
                           is_linked ? show_linked : show_row,
                           walk,
                           walk->err);
    return code == TRIAL_OK ? walk->code : code;
}

static trial_code each(void *context,
                       trial_kind kind,
                       trial_text programme,
                       views_visit *visit,
                       void *visitor,
                       trial_error *err)
{
    struct walk walk = { .m = context,
                         .kind = kind,
                         .programme = programme,
                         .visit = visit,
                         .visitor = visitor,
                         .err = err };
    trial_code code;

    if (!moment_is_now(&walk.m->choice)) {
        code = walk_folded(&walk);
    } else {
        walk.programme = has_programme(kind) ? programme : (trial_text){ 0 };
        code = walk_now(&walk, KEY_OF_PROGRAMME, walk.programme);
    }
    trial_arena_done(&walk.arena);
    return code;
}

static trial_code of_municipality(void *context,
                                  trial_kind kind,
                                  trial_text code,
                                  views_visit *visit,
                                  void *visitor,
                                  trial_error *err)
{
    struct walk walk = { .m = context,
                         .kind = kind,
                         .municipality = code,
                         .visit = visit,
                         .visitor = visitor,
                         .err = err };
    trial_code result = moment_is_now(&walk.m->choice) ? walk_now(&walk, KEY_OF_MUNICIPALITY, code)
                                                       : walk_folded(&walk);

    trial_arena_done(&walk.arena);
    return result;
}

/* The programme a subject belongs to, by its head row: what a folded look-up has to fold. */
static trial_code
programme_of(moment *m, trial_kind kind, trial_text id, trial_text *ret_programme, trial_error *err)
{
    trial_bytes bytes = { 0 };
    head_row head;
    trial_code code;
    row_key k = { 0 };

    *ret_programme = (trial_text){ 0 };
    if (kind == TRIAL_KIND_PROGRAMME) {
        *ret_programme = id;
        return TRIAL_OK;
    }
    if (!has_programme(kind)) {
        return TRIAL_OK;
    }
    k.size = (size_t)snprintf(
        (char *)k.bytes, sizeof k.bytes, "%s/%.*s", trial_kind_word(kind), TRIAL_TEXT_ARGS(id));
    code = store_read_get(m->ground->read, STORE_SUBJECT, key_span(&k), &bytes, err);
    if (code != TRIAL_OK || bytes.data == NULL) {
        return code;
    }
    code = head_row_read(bytes, &head, err);
    *ret_programme = trial_arena_text(&m->found, head.programme);
    return code;
}

static trial_code
find_state(moment *m, trial_kind kind, trial_text id, trial_bytes *ret_bytes, trial_error *err)
{
    scratch *states = NULL;
    trial_text programme;
    trial_code code;
    row_key k;

    if (moment_is_now(&m->choice)) {
        key_state(kind, id, &k);
        return store_read_get(m->ground->read, STORE_STATE, key_span(&k), ret_bytes, err);
    }
    code = programme_of(m, kind, id, &programme, err);
    if (code == TRIAL_OK) {
        code = get_fold(m, programme, &states, err);
    }
    if (code == TRIAL_OK) {
        *ret_bytes = scratch_get(states, kind, id);
    }
    return code;
}

static trial_code
find(void *context, trial_kind kind, trial_text id, const trial_state **ret_state, trial_error *err)
{
    moment *m = context;
    trial_bytes bytes = { 0 };
    trial_state *state;
    trial_code code;

    *ret_state = NULL;
    if (id.size == 0 || id.size > TRIAL_SUBJECT_BYTES_MAX) {
        return TRIAL_OK; /* nothing has such a name */
    }
    code = find_state(m, kind, id, &bytes, err);
    if (code != TRIAL_OK || bytes.data == NULL) {
        return code;
    }
    state = trial_arena_take(&m->found, sizeof *state);
    code = decode(kind, id, trial_arena_bytes(&m->found, bytes), &m->found, state, err);
    *ret_state = code == TRIAL_OK ? state : NULL;
    return code;
}

static void close_derived(void *context)
{
    moment_close(context);
}

/* The end of a day, within what the moment itself rests on. */
static trial_code at(void *context, trial_date day, views_source *ret_source, trial_error *err)
{
    moment *m = context;
    moment *derived = trial_memory(sizeof *derived);
    trial_instant end = trial_date_end(day);

    (void)err;
    derived->ground = m->ground;
    derived->choice = m->choice;
    derived->is_derived = true;
    if (m->choice.as_of == TRIAL_INSTANT_NONE || end < m->choice.as_of) {
        derived->choice.as_of = end;
    }
    *ret_source = moment_source(derived);
    return TRIAL_OK;
}

views_source moment_source(moment *m)
{
    return (views_source){ .context = m,
                           .each = each,
                           .find = find,
                           .of_municipality = of_municipality,
                           .at = at,
                           .close = close_derived };
}
