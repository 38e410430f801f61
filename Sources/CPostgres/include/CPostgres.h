#ifndef CPOSTGRES_H
#define CPOSTGRES_H

// The few calls of libpq that Podium makes. The library is loaded when they are needed first (see postgres.c), so the program is
// built without its headers and starts without it.

#include <stddef.h>

/// A connection and an answer, as libpq has them.
typedef struct podium_pq_connection podium_pq_connection;
typedef struct podium_pq_result podium_pq_result;

/// What came by NOTIFY. Free it with `podium_pq_free`.
typedef struct podium_pq_notification {
    char *channel;
    int process;
    char *payload;
} podium_pq_notification;

/// Loads the library. May be called again and from any thread.
///
/// Returns NULL where it is loaded, or why it cannot be; the text stays valid.
const char *podium_pq_load(void);

// What follows may be called only after `podium_pq_load` has returned NULL.

podium_pq_connection *podium_pq_connect_start(const char *const *keywords, const char *const *values);
int podium_pq_connect_poll(podium_pq_connection *connection);
int podium_pq_is_connected(const podium_pq_connection *connection);
const char *podium_pq_error(const podium_pq_connection *connection);
int podium_pq_socket(const podium_pq_connection *connection);
void podium_pq_finish(podium_pq_connection *connection);
void podium_pq_be_quiet(podium_pq_connection *connection);

/// All parameters and all answers are texts. 1 where it was sent.
int podium_pq_send(podium_pq_connection *connection, const char *statement, int count, const char *const *parameters);
/// The same for several statements without parameters. 1 where they were sent.
int podium_pq_send_script(podium_pq_connection *connection, const char *statements);
int podium_pq_consume(podium_pq_connection *connection);
int podium_pq_is_busy(podium_pq_connection *connection);
podium_pq_result *podium_pq_next_result(podium_pq_connection *connection);
podium_pq_notification *podium_pq_next_notification(podium_pq_connection *connection);

/// 1 where the statement did what it should.
int podium_pq_is_good(const podium_pq_result *result);
const char *podium_pq_result_error(const podium_pq_result *result);
/// Five letters and digits, or NULL.
const char *podium_pq_result_state(const podium_pq_result *result);
int podium_pq_rows(const podium_pq_result *result);
int podium_pq_columns(const podium_pq_result *result);
/// NULL for the value of that name.
const char *podium_pq_value(const podium_pq_result *result, int row, int column);
void podium_pq_clear(podium_pq_result *result);
void podium_pq_free(void *memory);

#endif
