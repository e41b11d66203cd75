#include "request.h"

#include <stdlib.h>
#include <string.h>

struct client *client_new(uint64_t id, struct slice address, uint16_t port)
{
	struct client *client = calloc(1, sizeof(*client));
	size_t len = address.len;

	if (!client)
		return NULL;
	if (len >= sizeof(client->peer.address))
		len = sizeof(client->peer.address) - 1;
	memcpy(client->peer.address, address.data, len);
	client->id = id;
	client->peer.port = port;
	return client;
}

bool client_rename(struct client *client, struct slice name)
{
	char *copy = malloc(name.len + 1);

	if (!copy)
		return false;
	memcpy(copy, name.data, name.len);
	copy[name.len] = 0;
	free(client->name);
	client->name = copy;
	return true;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	free(client->name);
	free(client);
}

static void run_get(struct request *request, struct reply *reply)
{
	request->entry = cache_get(request->cache, request->key);
	request->outcome = request->entry ? OUTCOME_HIT : OUTCOME_MISS;
	if (request->entry)
		reply->text = value_text(&request->entry->value, request->client->number);
}

static void run_set(struct request *request, const struct call *call)
{
	struct cache *cache = request->cache;
	uint64_t expires_ms = call->ttl_ms ? cache->now_ms + call->ttl_ms : 0;

	if (call->condition != CONDITION_NONE) {
		bool present = cache_find(cache, request->key) != NULL;

		if (present != (call->condition == CONDITION_PRESENT)) {
			request->outcome = OUTCOME_MISS;
			return;
		}
	}
	request->entry = cache_set(cache, request->key, call->args[1], expires_ms);
	if (!request->entry)
		request->outcome = OUTCOME_NO_ROOM;
}

static void run_incr(struct request *request)
{
	static const struct slice zero = { "0", 1 };
	struct cache *cache = request->cache;
	struct entry *entry = cache_find(cache, request->key);

	if (!entry)
		entry = cache_set(cache, request->key, zero, 0);
	request->entry = entry;
	if (!entry)
		request->outcome = OUTCOME_NO_ROOM;
	else if (entry->value.encoding != ENCODING_INTEGER)
		request->outcome = OUTCOME_NOT_INTEGER;
	else if (entry->value.number == INT64_MAX)
		request->outcome = OUTCOME_OVERFLOW;
	else
		cache_set_number(cache, entry, request->result = entry->value.number + 1);
}

/* The least number of arguments that the cache's commands touch. */
static uint32_t args_needed(enum command command)
{
	switch (command) {
	case COMMAND_SET:
		return 2;
	case COMMAND_GET:
	case COMMAND_INCR:
		return 1;
	default:
		return 0;
	}
}

static void run(struct request *request, const struct call *call, struct reply *reply)
{
	switch (call->command) {
	case COMMAND_GET:
		run_get(request, reply);
		break;
	case COMMAND_SET:
		run_set(request, call);
		break;
	case COMMAND_INCR:
		run_incr(request);
		break;
	case COMMAND_DEL:
		for (uint32_t i = 0; i < call->args_len; i++)
			request->result += cache_delete(request->cache, call->args[i]);
		break;
	case COMMAND_EXISTS:
		for (uint32_t i = 0; i < call->args_len; i++)
			request->result += cache_find(request->cache, call->args[i]) != NULL;
		break;
	case COMMAND_DBSIZE:
		request->result = request->cache->table.used;
		break;
	default: /* the network side answers the others */
		break;
	}
}

struct reply request_run(struct cache *cache, struct client *client, const struct call *call)
{
	struct reply reply = { 0 };
	struct request request = {
		.id = ++cache->stats.requests,
		.client = client,
		.cache = cache,
		.command = call->command,
		.typed = call->typed,
		.pipelined = call->pipelined,
		.condition = call->condition,
		.args = call->args_len,
	};

	client->stats.requests++;
	client->stats.by_command[call->command]++;
	if (call->args_len) {
		request.key = call->args[0];
		request.bucket = cache_bucket(cache, request.key);
	}
	if (call->rejected || call->args_len < args_needed(call->command))
		request.outcome = OUTCOME_REJECTED;
	else
		run(&request, call, &reply);
	reply.outcome = request.outcome;
	reply.number = request.result;
	request_done(&request);
	return reply;
}

/*
 * Empty, and never inlined. The nop that it starts with is what a probe is placed on: the kernel
 * steps over a nop without single-stepping, 20 times cheaper than over another instruction.
 */
__attribute__((noinline, patchable_function_entry(1)))
void request_done(const struct request *request)
{
	__asm__ volatile("" : : "r"(request) : "memory");
}
