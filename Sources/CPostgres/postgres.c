// libpq, loaded by its soname.
//
// Linked, it would bring Kerberos, LDAP and what they need into every Podium: 22 libraries, 5 MB of memory and 1.1 ms of each start. The
// names and numbers here are of its binary interface, which is the same since libpq.so.5 came in 2006.

#include "CPostgres.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static struct {
    void *(*connect_start)(const char *const *, const char *const *, int);
    int (*connect_poll)(void *);
    int (*status)(const void *);
    char *(*error_message)(const void *);
    int (*socket)(const void *);
    void (*finish)(void *);
    void *(*set_notice_processor)(void *, void (*)(void *, const char *), void *);
    int (*send_query)(void *, const char *);
    int (*send_query_params)(
        void *, const char *, int, const unsigned int *, const char *const *, const int *, const int *, int);
    int (*consume_input)(void *);
    int (*is_busy)(void *);
    void *(*get_result)(void *);
    void *(*notifies)(void *);
    int (*result_status)(const void *);
    char *(*result_error_message)(const void *);
    char *(*result_error_field)(const void *, int);
    int (*rows)(const void *);
    int (*columns)(const void *);
    char *(*value)(const void *, int, int);
    int (*is_null)(const void *, int, int);
    void (*clear)(void *);
    void (*freemem)(void *);
} pq;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char problem[256];

static void load(void) {
    void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(problem, sizeof problem, "PostgreSQL's library cannot be loaded (Debian: libpq5): %s", dlerror());
        return;
    }
    const struct {
        const char *name;
        void *place;
    } symbols[] = {
        {"PQconnectStartParams", &pq.connect_start},
        {"PQconnectPoll", &pq.connect_poll},
        {"PQstatus", &pq.status},
        {"PQerrorMessage", &pq.error_message},
        {"PQsocket", &pq.socket},
        {"PQfinish", &pq.finish},
        {"PQsetNoticeProcessor", &pq.set_notice_processor},
        {"PQsendQuery", &pq.send_query},
        {"PQsendQueryParams", &pq.send_query_params},
        {"PQconsumeInput", &pq.consume_input},
        {"PQisBusy", &pq.is_busy},
        {"PQgetResult", &pq.get_result},
        {"PQnotifies", &pq.notifies},
        {"PQresultStatus", &pq.result_status},
        {"PQresultErrorMessage", &pq.result_error_message},
        {"PQresultErrorField", &pq.result_error_field},
        {"PQntuples", &pq.rows},
        {"PQnfields", &pq.columns},
        {"PQgetvalue", &pq.value},
        {"PQgetisnull", &pq.is_null},
        {"PQclear", &pq.clear},
        {"PQfreemem", &pq.freemem},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = dlsym(library, symbols[i].name);
        if (!symbol) {
            snprintf(problem, sizeof problem, "PostgreSQL's library has no %s", symbols[i].name);
            return;
        }
        *(void **)symbols[i].place = symbol;
    }
}

const char *podium_pq_load(void) {
    pthread_once(&once, load);
    return problem[0] ? problem : NULL;
}

// The server's notices ("relation exists already") are nothing for the terminal.
static void ignore(void *context, const char *message) {
    (void)context;
    (void)message;
}

enum { CONNECTION_OK = 0, RESULT_COMMAND_OK = 1, RESULT_TUPLES_OK = 2, FIELD_SQLSTATE = 'C' };

podium_pq_connection *podium_pq_connect_start(const char *const *keywords, const char *const *values) {
    // The last argument says that the value of `dbname` may be a whole connection string.
    return pq.connect_start(keywords, values, 1);
}
int podium_pq_connect_poll(podium_pq_connection *connection) { return pq.connect_poll(connection); }
int podium_pq_is_connected(const podium_pq_connection *connection) { return pq.status(connection) == CONNECTION_OK; }
const char *podium_pq_error(const podium_pq_connection *connection) { return pq.error_message(connection); }
int podium_pq_socket(const podium_pq_connection *connection) { return pq.socket(connection); }
void podium_pq_finish(podium_pq_connection *connection) { pq.finish(connection); }
void podium_pq_be_quiet(podium_pq_connection *connection) { pq.set_notice_processor(connection, ignore, NULL); }

int podium_pq_send(podium_pq_connection *connection, const char *statement, int count, const char *const *parameters) {
    return pq.send_query_params(connection, statement, count, NULL, parameters, NULL, NULL, 0);
}
int podium_pq_send_script(podium_pq_connection *connection, const char *statements) {
    return pq.send_query(connection, statements);
}
int podium_pq_consume(podium_pq_connection *connection) { return pq.consume_input(connection); }
int podium_pq_is_busy(podium_pq_connection *connection) { return pq.is_busy(connection); }
podium_pq_result *podium_pq_next_result(podium_pq_connection *connection) { return pq.get_result(connection); }
podium_pq_notification *podium_pq_next_notification(podium_pq_connection *connection) { return pq.notifies(connection); }

int podium_pq_is_good(const podium_pq_result *result) {
    int status = pq.result_status(result);
    return status == RESULT_COMMAND_OK || status == RESULT_TUPLES_OK;
}
const char *podium_pq_result_error(const podium_pq_result *result) { return pq.result_error_message(result); }
const char *podium_pq_result_state(const podium_pq_result *result) {
    return pq.result_error_field(result, FIELD_SQLSTATE);
}
int podium_pq_rows(const podium_pq_result *result) { return pq.rows(result); }
int podium_pq_columns(const podium_pq_result *result) { return pq.columns(result); }
const char *podium_pq_value(const podium_pq_result *result, int row, int column) {
    return pq.is_null(result, row, column) ? NULL : pq.value(result, row, column);
}
void podium_pq_clear(podium_pq_result *result) { pq.clear(result); }
void podium_pq_free(void *memory) { pq.freemem(memory); }
