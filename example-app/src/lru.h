/*
 * A bounded cache: a hash table with chains, a least-recently-used list, expiry.
 *
 *     cache -> table -> bucket -> entry -> value
 *
 * Not thread-safe: one thread owns a cache. Time is what the owner says it is (`now_ms`).
 */
#ifndef LRU_H
#define LRU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns; any bytes, no terminating zero. */
struct slice {
	const char *data;
	size_t len;
};

/* How a value is kept: text that reads as a 64-bit integer is kept as one. */
enum encoding {
	ENCODING_TEXT,
	ENCODING_INTEGER,
};

struct value {
	enum encoding encoding : 2;
	unsigned int hits : 30; /* times it was read since it was stored */
	uint32_t len;           /* of the text, or of the integer written out */
	union {
		char *text;
		int64_t number;
	};
};

struct entry {
	struct entry *chain; /* next in the same bucket */
	struct {
		struct entry *newer;
		struct entry *older;
	} lru;
	uint64_t expires_ms; /* 0: never */
	struct value value;
	uint32_t hash;
	uint32_t key_len;
	char key[];
};

/* The entry that was found last comes first. */
struct bucket {
	struct entry *first;
};

struct table {
	struct bucket *buckets;
	uint32_t mask; /* number of buckets, a power of two, less one */
	uint32_t used; /* entries in all buckets */
};

struct stats {
	uint64_t hits;
	uint64_t misses;
	uint64_t evicted;
	uint64_t expired;
};

struct cache {
	struct table table;
	struct {
		struct entry *newest;
		struct entry *oldest;
	} lru;
	struct {
		uint32_t entries;
		size_t bytes;
	} limit;
	size_t bytes; /* entries, keys and values */
	uint64_t now_ms;
	uint32_t seed;
	uint32_t sweep; /* the bucket that cache_sweep() looks at next */
	struct stats stats;
};

/* NULL when memory is out. Both limits hold at any time; `seed` starts the hash. */
struct cache *cache_new(uint32_t max_entries, size_t max_bytes, uint32_t seed);
void cache_free(struct cache *cache);

void cache_set_time(struct cache *cache, uint64_t now_ms);

uint32_t cache_entries(const struct cache *cache);
size_t cache_bytes(const struct cache *cache);
struct stats cache_stats(const struct cache *cache);

/* The entry of `key`, or NULL. It does not count as a use; an expired one is dropped. */
struct entry *cache_find(struct cache *cache, struct slice key);

/* As cache_find(), and counts as a use. */
struct entry *cache_get(struct cache *cache, struct slice key);

/* Stores a copy, in place of what was there. NULL, and nothing changed, when it can't fit. */
struct entry *cache_set(struct cache *cache, struct slice key, struct slice text, uint64_t expires_ms);

/* Gives an entry that holds an integer another one. */
void cache_set_number(struct cache *cache, struct entry *entry, int64_t number);

bool cache_delete(struct cache *cache, struct slice key);

/* Drops what is expired in the next `buckets` buckets. */
void cache_sweep(struct cache *cache, uint32_t buckets);

/* Room for any 64-bit integer written out. */
#define NUMBER_TEXT 24

/* The value as text; an integer is written into `room`. */
struct slice entry_text(const struct entry *entry, char room[NUMBER_TEXT]);

/* False when the value is not an integer. */
bool entry_number(const struct entry *entry, int64_t *number);

#endif
