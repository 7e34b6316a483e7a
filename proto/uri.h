/* uri.h - URI-references, as the `source` of an event is one. Of this room alone. */
#ifndef PROTO_URI_H
#define PROTO_URI_H

#include "trial/base.h"

/** Is it a URI-reference? Source: RFC 3986, section 4.1. */
bool uri_is_reference(trial_text text);

#endif
