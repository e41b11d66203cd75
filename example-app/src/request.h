/*
 * One request of a client, run against the cache: the structs that the tracer reads.
 *
 *     request -> client
 *             -> cache -> table -> bucket -> entry -> value
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "lru.h"

enum command {
	COMMAND_UNKNOWN,
	COMMAND_PING,
	COMMAND_ECHO,
	COMMAND_SET,
	COMMAND_GET,
	COMMAND_DEL,
	COMMAND_EXISTS,
	COMMAND_INCR,
	COMMAND_DBSIZE,
	COMMAND_INFO,
	COMMAND_COMMAND,
	COMMAND_CONFIG,
	COMMAND_CLIENT,
	COMMAND_QUIT,
	COMMANDS,
};

enum outcome {
	OUTCOME_REJECTED = -4, /* wrong arguments, or a command that does not exist */
	OUTCOME_NO_ROOM = -3,
	OUTCOME_OVERFLOW = -2,
	OUTCOME_NOT_INTEGER = -1,
	OUTCOME_DONE = 0,
	OUTCOME_HIT,
	OUTCOME_MISS,
};

enum condition {
	CONDITION_NONE,
	CONDITION_ABSENT,  /* SET ... NX */
	CONDITION_PRESENT, /* SET ... XX */
};

struct client {
	uint64_t id;
	struct {
		char address[46]; /* the longest IPv6 address, and a zero */
		uint16_t port;
	} peer;
	char *name; /* CLIENT SETNAME, or NULL */
	struct {
		uint64_t requests;
		uint32_t by_command[COMMANDS];
	} stats;
	char number[NUMBER_TEXT]; /* where replies write an integer's text */
};

/* What the network side hands over. Plain members only: cache/ffi.rs has the same struct. */
struct call {
	enum command command;
	enum condition condition;
	uint64_t ttl_ms;          /* 0: for ever */
	const struct slice *args; /* without the command's name */
	uint32_t args_len;
	bool rejected;            /* don't run it: its arguments are wrong */
	bool typed;               /* an inline command */
	bool pipelined;           /* the client has sent the next one already */
};

/* A call while it runs. */
struct request {
	uint64_t id; /* counts from 1 */
	struct client *client;
	struct cache *cache;
	enum command command;
	enum outcome outcome;
	unsigned int typed : 1;
	unsigned int pipelined : 1;
	enum condition condition : 2;
	unsigned int args : 12;
	uint32_t bucket; /* where the key belongs, if there is one */
	struct slice key;
	struct entry *entry; /* what was found or stored, or NULL */
	int64_t result;      /* of commands that reply with a number */
};

/* Which of the two members counts depends on the command. */
struct reply {
	enum outcome outcome;
	int64_t number;
	struct slice text; /* valid until the cache or the client changes */
};

/* NULL when memory is out. `address` is cut to what fits. */
struct client *client_new(uint64_t id, struct slice address, uint16_t port);
/* False when memory is out. */
bool client_rename(struct client *client, struct slice name);
void client_free(struct client *client);

/* Runs a call and reports it to request_done(). */
struct reply request_run(struct cache *cache, struct client *client, const struct call *call);

/* The trace point: called with every request when its reply is known. */
void request_done(const struct request *request);

#endif
