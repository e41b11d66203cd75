/* Reads a request and all that hangs on it, in Rust and in C, when the server is done with it. */
#include "traceable.bpf.h"

struct text {
	__u64 len;
	__u8 start[32];
	__u8 there;
};

struct duration {
	__u64 secs;
	__u32 nanos;
	__u8 there;
};

struct command {
	__u8 variant[24];
	struct text key, value, text;
	struct duration ttl;
	__u64 keys;
	__u8 has_keys, has_condition, must_exist;
};

struct reply {
	__u8 variant[8];
	struct text text;
	__s64 integer;
	__u64 elements;
};

struct client {
	__u64 id;
	__u8 address[16];
	__u16 port;
	__u8 is_v6;
	struct text name;
	__u64 requests;
	__u32 errors;
	struct duration last, slowest;
};

struct server {
	__u64 requests, connections, clients;
	__u64 hits, misses;
	__u32 entries;
};

struct value_of_key {
	struct text key, text;
	__s64 number;
	__u64 expires_ms;
	__u32 hits, len;
	__u8 found, is_integer;
};

struct event {
	__u64 id;
	__u8 typed, pipelined;
	struct duration took;
	struct command command;
	struct reply reply;
	struct client client;
	struct server server;
	struct value_of_key entry;
};

struct event event_type; /* never used: for the skeleton to have the type */

CORE_EVENTS(events, 4096); /* the loader sets the size that is asked for */

__u64 failed; /* reads of memory that was not there */

static void check(long result)
{
	if (result < 0)
		__sync_fetch_and_add(&failed, 1);
}

static void read_bytes(struct text *to, const void *from, __u64 len)
{
	__u32 room = sizeof(to->start);

	to->there = true;
	to->len = len;
	check(bpf_probe_read_user(to->start, len < room ? len : room, from));
}

/* The start of a String, &str, Vec<u8> or &[u8]. */
#define read_text(to, value, field) \
	read_bytes(to, core_read_ptr(value, field.ptr), core_read(value, field.len))

#define read_duration(to, value, field) ({		\
	(to)->there = true;				\
	(to)->secs = core_read(value, field.secs);	\
	(to)->nanos = core_read(value, field.nanos);	\
})

/* Whether an enum is of this variant, whose name is noted then. */
#define is(to, value, type, name)							\
	(core_variant_is(value, type, name) &&						\
	 (__builtin_memcpy((to)->variant, #name, sizeof(#name)), true))

static void read_set(struct command *to, const union Command *command)
{
	__u64 present = bpf_core_enum_value(enum Condition, Condition_Present);

	read_text(&to->key, command, Set.key);
	read_text(&to->value, command, Set.value);
	if (core_variant_is(&command->Set.ttl, Option_Duration, Some))
		read_duration(&to->ttl, command, Set.ttl.Some.__0);
	if (core_variant_is(&command->Set.condition, Option_Condition, Some)) {
		to->has_condition = true;
		to->must_exist = core_read(command, Set.condition.Some.__0) == present;
	}
}

/* How many keys there are, and the first of them. */
static void read_keys(struct command *to, const struct Vec_slice_u8 *keys)
{
	const struct slice_u8 *first = core_read_ptr(keys, ptr);

	to->has_keys = true;
	to->keys = core_read(keys, len);
	if (to->keys)
		read_bytes(&to->key, core_read_ptr(first, ptr), core_read(first, len));
}

static void read_command(struct command *to, const union Command *command)
{
#define variant(name) is(to, command, Command, name)
	if (variant(Get))
		read_text(&to->key, command, Get.key);
	else if (variant(Set))
		read_set(to, command);
	else if (variant(Incr))
		read_text(&to->key, command, Incr.key);
	else if (variant(Del))
		read_keys(to, &command->Del.keys);
	else if (variant(Exists))
		read_keys(to, &command->Exists.keys);
	else if (variant(Echo))
		read_text(&to->text, command, Echo.message);
	else if (variant(Ping)) {
		if (core_variant_is(&command->Ping.message, Option_slice_u8, Some))
			read_text(&to->text, command, Ping.message.Some.__0);
	} else if (variant(ClientSetName))
		read_text(&to->text, command, ClientSetName.name);
	else if (variant(Invalid))
		read_text(&to->text, command, Invalid.error);
	else
		(void)(variant(DbSize) || variant(Info) || variant(ListCommands) ||
		       variant(CountCommands) || variant(DescribeCommands) || variant(ConfigGet) ||
		       variant(ClientGetName) || variant(ClientId) || variant(ClientInfo) ||
		       variant(Quit));
#undef variant
}

static void read_reply(struct reply *to, const union Reply *reply)
{
#define variant(name) is(to, reply, Reply, name)
	if (variant(Simple))
		read_text(&to->text, reply, Simple.__0);
	else if (variant(Bulk))
		read_text(&to->text, reply, Bulk.__0);
	else if (variant(Error))
		read_text(&to->text, reply, Error.__0);
	else if (variant(Integer))
		to->integer = core_read(reply, Integer.__0);
	else if (variant(Array))
		to->elements = core_read(reply, Array.__0.len);
	else
		(void)variant(Nil);
#undef variant
}

static void read_client(struct client *to, const struct Connection *connection)
{
	to->id = core_read(connection, id);
	if (core_variant_is(&connection->peer, SocketAddr, V4)) {
		to->port = core_read(connection, peer.V4.__0.port);
		check(core_read_bytes(to->address, 4, connection, peer.V4.__0.ip.octets));
	} else {
		to->is_v6 = true;
		to->port = core_read(connection, peer.V6.__0.port);
		check(core_read_bytes(to->address, 16, connection, peer.V6.__0.ip.octets));
	}
	if (core_variant_is(&connection->name, Option_String, Some))
		read_text(&to->name, connection, name.Some.__0);
	to->requests = core_read(connection, stats.requests);
	to->errors = core_read(connection, stats.errors);
	if (core_variant_is(&connection->stats.last, Option_Duration, Some))
		read_duration(&to->last, connection, stats.last.Some.__0);
	read_duration(&to->slowest, connection, stats.slowest);
}

static void read_server(struct server *to, const struct Shared *shared)
{
	const struct cache *cache = (struct cache *)core_read_ptr(shared, cache.c);

	to->requests = core_read(shared, requests);
	to->connections = core_read(shared, connections);
	to->clients = core_read(shared, clients.len);
	to->hits = core_read(cache, stats.hits);
	to->misses = core_read(cache, stats.misses);
	to->entries = core_read(cache, table.used);
}

static void read_entry(struct value_of_key *to, const struct entry *entry)
{
	__u64 integer = bpf_core_enum_value(enum encoding, ENCODING_INTEGER);

	to->found = true;
	to->expires_ms = core_read(entry, expires_ms);
	to->hits = core_read(entry, value.hits);
	to->len = core_read(entry, value.len);
	to->is_integer = core_read(entry, value.encoding) == integer;
	read_bytes(&to->key, entry->key, core_read(entry, key_len));
	if (to->is_integer)
		to->number = core_read(entry, value.number);
	else
		read_bytes(&to->text, core_read_ptr(entry, value.text), to->len);
}

SEC("uprobe")
int BPF_UPROBE(on_request_done, const struct Request *request)
{
	struct event *event = core_reserve(events, struct event);
	const struct Connection *connection = core_read_ptr(request, connection);
	/* To Rust, C's structs are opaque, and have other names. */
	const struct entry *entry = (struct entry *)core_read_ptr(request, entry);

	if (!event)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	check(core_read_into(&event->id, request, id));
	event->typed = core_read(request, typed);
	event->pipelined = core_read(request, pipelined);
	read_duration(&event->took, request, took);
	read_command(&event->command, &request->command);
	read_reply(&event->reply, &request->reply);
	read_client(&event->client, connection);
	/* The Arc points to its counts, the Mutex, and what that protects. */
	read_server(&event->server, &core_read_ptr(connection, shared)->value.data);
	if (entry)
		read_entry(&event->entry, entry);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
