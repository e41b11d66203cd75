/* Reads a request, and what hangs on it, when the server is done with it. */
#include "traceable.bpf.h"

struct event {
	__u64 id;
	__s64 result;
	__u64 client;
	__u64 requests;
	__u64 key_len;
	__u64 expires_ms;
	__s64 number;
	__u32 command;
	__s32 outcome;
	__u32 condition;
	__u32 args;
	__u32 by_command;
	__u32 entries;
	__u32 hits;
	__u32 value_len;
	__u16 port;
	__u8 typed;
	__u8 pipelined;
	__u8 found;
	__u8 integer;
	__u8 key[32];
	__u8 address[48];
	__u8 name[16];
	__u8 entry_key[32];
	__u8 text[32];
};

struct event event_type; /* never used: for the skeleton to have the type */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* the loader sets what is asked for */
} events SEC(".maps");

__u64 lost;   /* events that the ring buffer had no room for */
__u64 failed; /* reads of memory that was not there */

static void check(long result)
{
	if (result < 0)
		__sync_fetch_and_add(&failed, 1);
}

static void read_bytes(__u8 *to, __u32 room, const void *from, __u64 len)
{
	if (len > room)
		len = room;
	check(bpf_probe_read_user(to, len, from));
}

static void read_client(struct event *event, const struct client *client)
{
	event->client = core_read(client, id);
	event->requests = core_read(client, stats.requests);
	event->by_command = core_read_elem(client, stats.by_command, event->command);
	event->port = core_read(client, peer.port);
	check(core_read_str(event->address, sizeof(event->address), client, peer.address));
	if (core_read_ptr(client, name))
		check(core_read_str(event->name, sizeof(event->name), client, name));
}

static void read_entry(struct event *event, const struct entry *entry)
{
	__u64 integer = bpf_core_enum_value(enum encoding, ENCODING_INTEGER);

	event->found = true;
	event->expires_ms = core_read(entry, expires_ms);
	event->hits = core_read(entry, value.hits);
	event->value_len = core_read(entry, value.len);
	event->integer = core_read(entry, value.encoding) == integer;
	check(core_read_str(event->entry_key, sizeof(event->entry_key), entry, key));
	if (event->integer)
		event->number = core_read(entry, value.number);
	else
		read_bytes(event->text, sizeof(event->text), core_read_ptr(entry, value.text),
			   event->value_len);
}

SEC("uprobe")
int BPF_UPROBE(on_request_done, const struct request *request)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	struct cache *cache = core_read_ptr(request, cache);
	struct bucket *bucket;

	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	__builtin_memset(event, 0, sizeof(*event));
	check(core_read_into(&event->id, request, id));
	event->command = core_read(request, command);
	event->outcome = core_read(request, outcome);
	event->condition = core_read(request, condition);
	event->result = core_read(request, result);
	event->typed = core_read(request, typed);
	event->pipelined = core_read(request, pipelined);
	event->args = core_read(request, args);
	event->key_len = core_read(request, key.len);
	if (event->args)
		read_bytes(event->key, sizeof(event->key), core_read_ptr(request, key.data),
			   event->key_len);
	event->entries = core_read(cache, table.used);
	read_client(event, core_read_ptr(request, client));
	if (core_read_ptr(request, entry)) {
		/* The server looked at it, so it stands first in its bucket. */
		bucket = core_at(core_read_ptr(cache, table.buckets), core_read(request, bucket));
		read_entry(event, core_read_ptr(bucket, first));
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
