/* Offsets of structure members that assembly names by number: the compiler refuses the file where one is wrong. */
#ifndef KWS_OFFSETS_H
#define KWS_OFFSETS_H

#include <stddef.h>

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define KWS_CHECK_OFFSET(type, member, bytes) \
    _Static_assert(offsetof(type, member) == (bytes), #member " of " #type " is not at " #bytes)
#else
#define KWS_CHECK_OFFSET(type, member, bytes) \
    typedef char kws_offset_of_##type##_##member[offsetof(type, member) == (bytes) ? 1 : -1]
#endif

#endif /* KWS_OFFSETS_H */
