/* Sizes fixed at compile time, so that a firmware's loops know them. None here: then all come from the tables.
 * The exporter replaces this file. */
#ifndef KWS_FRONTEND_CONFIG_H
#define KWS_FRONTEND_CONFIG_H
#endif /* KWS_FRONTEND_CONFIG_H */
