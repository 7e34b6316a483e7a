/* fuzz_route.c - any bytes as the target of a request: refused with a sentence, or taken apart into
 * text that holds no control character, no NUL and no bad UTF-8, with no parameter twice. */
#include "pack.h"
#include "route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(trial_text text)
{
    TRIAL_ASSERT(pack_text_valid(text) == text.size);
    for (uint32_t i = 0; i < text.size; i++) {
        TRIAL_ASSERT((unsigned char)text.at[i] >= 0x20);
        TRIAL_ASSERT(text.at[i] != 0x7f);
    }
}

static bool has_dots(trial_text path)
{
    return memmem(path.at, path.size, "/../", 4) != NULL ||
           memmem(path.at, path.size, "/./", 3) != NULL;
}

static void check_params(const board_route *route)
{
    TRIAL_ASSERT(route->param_count <= ROUTE_PARAMS_MAX);
    for (uint32_t i = 0; i < route->param_count; i++) {
        check_text(route->params[i].name);
        check_text(route->params[i].value);
        TRIAL_ASSERT(route->params[i].name.size > 0);
        for (uint32_t k = 0; k < i; k++) {
            TRIAL_ASSERT(!trial_text_equal(route->params[i].name, route->params[k].name));
        }
        if (route->kind != ROUTE_VIEW && route->kind != ROUTE_FILE) {
            TRIAL_ASSERT(route_is_own(route, route->params[i].name));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static board_route route;
    trial_arena arena = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    trial_text target = { (const char *)data, (uint32_t)size };
    trial_code code = route_read(target, &arena, &route, &err);

    if (code != TRIAL_OK) {
        TRIAL_ASSERT(err.text[0] != '\0');
        TRIAL_ASSERT(err.code == code);
    } else {
        check_text(route.path);
        check_params(&route);
        TRIAL_ASSERT(route.path.size > 0);
        TRIAL_ASSERT(route.path.at[0] == '/');
        if (route.kind == ROUTE_ROW) {
            check_text(route.key);
            TRIAL_ASSERT(route.key.size > 0);
        }
        if (route.kind == ROUTE_FILE && memchr(data, '%', size) == NULL) {
            TRIAL_ASSERT(!has_dots(route.path));
        }
    }
    trial_arena_done(&arena);
    return 0;
}
