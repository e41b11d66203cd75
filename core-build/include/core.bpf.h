/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a BPF program needs besides the application's types: kernel integers, map types and flags,
 * registers, libbpf's headers, and macros that read the application's memory.
 *
 * A program that wants kernel types includes "vmlinux.h" before this file; one that does not needs
 * no kernel headers at all.
 */
#ifndef CORE_BPF_H
#define CORE_BPF_H

#if !defined(__VMLINUX_H__) && !defined(__LINUX_BPF_H__)
#include "core_prelude.bpf.h"
#endif

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

/*
 * Reading the application's memory
 * --------------------------------
 * Every macro takes where, how wide and whether signed from the application that is traced, not
 * from the header that the program was compiled with. A field that was widened, narrowed, changed
 * its sign, became a bitfield or moved into another struct or union is read right.
 *
 *   core_read(ptr, field)                   value of an integer, bool or enum, as 64 bits
 *   core_read_ptr(ptr, field)               value of a pointer
 *   core_read_str(dst, size, ptr, field)    string, of a char array or behind a char pointer
 *   core_read_bytes(dst, size, ptr, field)  bytes of an array of bytes
 *   core_read_elem(ptr, array, i)           element of an array of integers in a struct
 *   core_at(first, i)                       pointer to element i of structs that begin at `first`
 *   core_virtual_base(ptr, class, base)     pointer to the virtual base class `base` of a C++ object,
 *                                           where `ptr` is a `struct class *`: its place depends on
 *                                           the class of the whole object, and is in its vtable
 *
 * `field` may go through embedded structs (`a.b`) and constant indices (`a[2].b`). Up to 6 fields
 * follow pointers, as with BPF_CORE_READ: core_read(conn, peer, port) is conn->peer->port.
 *
 * core_read, core_read_ptr, core_read_elem and core_virtual_base give 0 when memory cannot be read.
 * These return 0 or a negative error, and store the value:
 *
 *   core_read_into(&value, ptr, field)
 *   core_read_ptr_into(&pointer, ptr, field)
 *   core_read_elem_into(&value, ptr, array, i)
 *
 * core_read_str and core_read_bytes return how many bytes they stored (the string's NUL included)
 * or a negative error.
 *
 * A value comes as 64 bits, as the application may have widened the field. A program that puts it
 * into a smaller variable cuts it, and nothing sees that: neither clang nor the loader, which checks
 * what is read from the application and not what becomes of it. So: `__u64 id = core_read(r, id)`,
 * and after `__u32 id = ...` a number of a later version may be another one.
 *
 * A uprobe cannot read a page that is not in memory: that is -EFAULT (-14). A sleepable program
 * (SEC("uprobe.s")) has it brought in: define CORE_SLEEPABLE before including this file, whose
 * programs must then all be sleepable.
 */
#ifdef CORE_SLEEPABLE
#define ___core_fetch bpf_copy_from_user
#else
#define ___core_fetch bpf_probe_read_user
#endif

/* Reads a string; `most` bytes may be read without a look at where it ends. */
#ifdef CORE_SLEEPABLE
/*
 * Helpers that read a string do not wait for a page. A copy does, and takes the pages in their
 * order: where memory ends behind the string it fails, but with the string in memory.
 */
#define ___core_fetch_str(dst, size, from, most) ({					\
	long ___core_got = bpf_probe_read_user_str((dst), size, from);			\
	if (___core_got == -___CORE_EFAULT) {						\
		bpf_copy_from_user((dst), most, from);					\
		___core_got = bpf_probe_read_user_str((dst), size, from);		\
	}										\
	___core_got;									\
})
#else
#define ___core_fetch_str(dst, size, from, most) bpf_probe_read_user_str((dst), size, from)
#endif

/* errno values that the macros look for or return themselves. */
#define ___CORE_EFAULT 14
#define ___CORE_ERANGE 34
#define ___CORE_E2BIG 7

#define ___core_info(ptr, field, what) __builtin_preserve_field_info((ptr)->field, BPF_FIELD_##what)

/* Where the first byte of a value of `size` bytes belongs in a zeroed 64-bit integer. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___core_low(value, size) ((void *)(value))
#else
#define ___core_low(value, size) ((void *)(value) + (8 - (size)))
#endif

/*
 * `field` ends in an index. libbpf relocates only the place and the size of an array's element, so
 * its sign is the one that the header has; the loader refuses when that differs.
 */
#define ___core_is_element(field) (#field[sizeof(#field) - 2] == ']')

/* 1 for a signed integer, 0 for all else; an operand of _Generic is not evaluated. */
#define ___core_is_signed(value) _Generic((value),					\
	char: (char)-1 < 0, signed char: 1, short: 1, int: 1, long: 1, long long: 1,	\
	default: 0)

/* The 64-bit type of the same sign. */
#define ___core_wide(value) __typeof__(_Generic((value),				\
	char: 0LL, signed char: 0LL, short: 0LL, int: 0LL, long: 0LL, long long: 0LL,	\
	default: 0ULL))

/* Widens the `size` bytes at the low end of `value` to 64 bits. */
#define ___core_extend(value, size, is_signed) ({					\
	unsigned int ___core_shift = 64 - 8 * (size);					\
	(is_signed) ? (__u64)((__s64)((value) << ___core_shift) >> ___core_shift)	\
		    : (value) << ___core_shift >> ___core_shift;			\
})

#define ___core_int(dst, ptr, field) ({							\
	__u64 ___core_v = 0;								\
	long ___core_rc = ___core_fetch(						\
		___core_low(&___core_v, ___core_info(ptr, field, BYTE_SIZE)),		\
		___core_info(ptr, field, BYTE_SIZE),					\
		(const void *)(ptr) + ___core_info(ptr, field, BYTE_OFFSET));		\
	if (___core_is_element(field)) {						\
		___core_v = ___core_extend(___core_v,					\
					   ___core_info(ptr, field, BYTE_SIZE),		\
					   ___core_is_signed((ptr)->field));		\
	} else {									\
		___core_v <<= ___core_info(ptr, field, LSHIFT_U64);			\
		if (___core_info(ptr, field, SIGNED))					\
			___core_v = (__s64)___core_v >>					\
				    ___core_info(ptr, field, RSHIFT_U64);		\
		else									\
			___core_v >>= ___core_info(ptr, field, RSHIFT_U64);		\
	}										\
	*(dst) = ___core_rc ? 0 : ___core_v;						\
	___core_rc;									\
})

#define ___core_read_into1(dst, ptr, field) ({						\
	__auto_type ___core_p = (ptr);							\
	___core_int(dst, ___core_p, field);						\
})
#define ___core_read1(ptr, field) ({							\
	__auto_type ___core_p = (ptr);							\
	___core_wide(___core_p->field) ___core_r;					\
	(void)___core_int(&___core_r, ___core_p, field);				\
	___core_r;									\
})

/* The comma makes an rvalue of the field, whose type has no `const` of its own. */
#define ___core_read_ptr_into1(dst, ptr, field) ({					\
	__auto_type ___core_p = (ptr);							\
	___core_must_be_pointer(___core_p->field);					\
	__u64 ___core_v = 0;								\
	long ___core_rc = ___core_fetch(						\
		___core_low(&___core_v, ___core_info(___core_p, field, BYTE_SIZE)),	\
		___core_info(___core_p, field, BYTE_SIZE),				\
		(const void *)___core_p + ___core_info(___core_p, field, BYTE_OFFSET));	\
	*(dst) = (__typeof__(((void)0, ___core_p->field)))				\
		(unsigned long)(___core_rc ? 0 : ___core_v);				\
	___core_rc;									\
})
#define ___core_read_ptr1(ptr, field) ({						\
	__auto_type ___core_q = (ptr);							\
	__typeof__(((void)0, ___core_q->field)) ___core_r;				\
	(void)___core_read_ptr_into1(&___core_r, ___core_q, field);			\
	___core_r;									\
})

#define ___core_is_array(value)								\
	(!__builtin_types_compatible_p(__typeof__(value), __typeof__(((void)0, value))))
#define ___core_must_be_pointer(value)							\
	_Static_assert(__builtin_classify_type(value) == 5 && !___core_is_array(value),	\
		       "core_read_ptr: the field is not a pointer; an embedded struct "	\
		       "or array is at &ptr->field")

/*
 * One byte more than the array has, for the NUL that the helper adds to a full array. A flexible
 * array has no size and limits nothing.
 */
#define ___core_read_str1(dst, size, ptr, field) ({					\
	__auto_type ___core_p = (ptr);							\
	_Static_assert(sizeof(*___core_p->field) == 1,					\
		       "core_read_str: the field is no array of char and no char *");	\
	__u32 ___core_n = (size), ___core_most = ___core_n;				\
	const void *___core_s;								\
	long ___core_rc = 0;								\
	if (___core_is_array(___core_p->field)) {					\
		___core_s = (const void *)___core_p +					\
			    ___core_info(___core_p, field, BYTE_OFFSET);		\
		__u32 ___core_room = ___core_info(___core_p, field, BYTE_SIZE);		\
		if (___core_room && ___core_most > ___core_room)			\
			___core_most = ___core_room;					\
		if (___core_room && ___core_n > ___core_room + 1)			\
			___core_n = ___core_room + 1;					\
	} else {									\
		__u64 ___core_v = 0;							\
		___core_rc = ___core_fetch(						\
			___core_low(&___core_v, ___core_info(___core_p, field, BYTE_SIZE)), \
			___core_info(___core_p, field, BYTE_SIZE),			\
			(const void *)___core_p +					\
				___core_info(___core_p, field, BYTE_OFFSET));		\
		___core_s = (const void *)(unsigned long)___core_v;			\
	}										\
	(void)___core_most;								\
	___core_rc ? ___core_rc								\
		   : ___core_fetch_str((dst), ___core_n, ___core_s, ___core_most);	\
})

#define core_read_bytes(dst, size, ptr, field) ({					\
	__auto_type ___core_p = (ptr);							\
	_Static_assert(___core_is_array(___core_p->field) &&				\
			       sizeof(*___core_p->field) == 1,				\
		       "core_read_bytes: the field is no array of bytes");		\
	__u32 ___core_n = (size);							\
	__u32 ___core_room = ___core_info(___core_p, field, BYTE_SIZE);			\
	if (___core_room && ___core_n > ___core_room)					\
		___core_n = ___core_room;						\
	long ___core_rc = ___core_fetch((dst), ___core_n,				\
		(const void *)___core_p + ___core_info(___core_p, field, BYTE_OFFSET));	\
	___core_rc ? ___core_rc : (long)___core_n;					\
})

/* A flexible array has no size and is not checked. */
#define core_read_elem_into(dst, ptr, array, i) ({					\
	__auto_type ___core_p = (ptr);							\
	__u64 ___core_i = (i), ___core_v = 0;						\
	__u32 ___core_size = ___core_info(___core_p, array[0], BYTE_SIZE);		\
	__u32 ___core_all = ___core_info(___core_p, array, BYTE_SIZE);			\
	long ___core_rc = -___CORE_ERANGE;						\
	if (!___core_all || (___core_i < ___core_all &&					\
			     ___core_i * ___core_size < ___core_all)) {			\
		___core_rc = ___core_fetch(						\
			___core_low(&___core_v, ___core_info(___core_p, array[0], BYTE_SIZE)), \
			___core_info(___core_p, array[0], BYTE_SIZE),			\
			(const void *)___core_p +					\
				___core_info(___core_p, array, BYTE_OFFSET) +		\
				___core_i * ___core_size);				\
		___core_v = ___core_extend(___core_v, ___core_size,			\
					   ___core_is_signed(___core_p->array[0]));	\
	}										\
	*(dst) = ___core_rc ? 0 : ___core_v;						\
	___core_rc;									\
})
#define core_read_elem(ptr, array, i) ({						\
	__auto_type ___core_q = (ptr);							\
	___core_wide(___core_q->array[0]) ___core_r;					\
	(void)core_read_elem_into(&___core_r, ___core_q, array, i);			\
	___core_r;									\
})

/*
 * Numbers and pointers have no type of the application's to ask for. Their size is fixed all the
 * same: the loader refuses a pointer that leads to numbers of another size.
 */
#define ___core_is_scalar(value)							\
	(__builtin_classify_type(value) == 5 || _Generic((value),			\
		char: 1, signed char: 1, unsigned char: 1, short: 1, unsigned short: 1,	\
		int: 1, unsigned int: 1, long: 1, unsigned long: 1, long long: 1,	\
		unsigned long long: 1, _Bool: 1, float: 1, double: 1, default: 0))

/* NULL when the application does not have the type: a read of it then fails. */
/* clang wants a type that could be relocated even where none is asked for. */
struct ___core_none {
	char none;
};
#define ___core_type_of(value)								\
	__typeof__(__builtin_choose_expr(___core_is_scalar(value),			\
					 *(struct ___core_none *)0, value))

#define core_at(first, i) ({								\
	__auto_type ___core_p = (first);						\
	__u64 ___core_size = ___core_is_scalar(*___core_p)				\
		? sizeof(*___core_p) : bpf_core_type_size(___core_type_of(*___core_p));	\
	___core_size ? (__typeof__(___core_p))						\
			((unsigned long)___core_p + (unsigned long)(i) * ___core_size)	\
		     : (__typeof__(___core_p))0;					\
})

/* NULL and a vtable that cannot be read have no base. */
#define core_virtual_base(ptr, class, base) ({						\
	const struct class *___core_p = (ptr);						\
	unsigned long ___core_vtable = 0;						\
	long ___core_by = 0, ___core_rc;						\
	___core_rc = ___core_fetch(&___core_vtable, sizeof(___core_vtable), ___core_p);	\
	___core_vtable += bpf_core_enum_value(enum class##__virtual_bases,		\
					      class##__virtual_##base);			\
	___core_rc = ___core_rc ?: ___core_fetch(&___core_by, sizeof(___core_by),	\
						 (const void *)___core_vtable);		\
	(struct base *)(___core_rc ? 0 : (unsigned long)___core_p + ___core_by);	\
})

/* Chains of pointers: all fields but the last are pointers that are followed. */
#define ___core_pick(name, _1, _2, _3, _4, _5, _6, n, ...) name##n
#define ___core_by_count(name, ...) ___core_pick(name, __VA_ARGS__, 6, 5, 4, 3, 2, 1, 0)

#define ___core_last1(a) a
#define ___core_last2(a, b) b
#define ___core_last3(a, b, c) c
#define ___core_last4(a, b, c, d) d
#define ___core_last5(a, b, c, d, e) e
#define ___core_last6(a, b, c, d, e, f) f
#define ___core_last(...) ___core_by_count(___core_last, __VA_ARGS__)(__VA_ARGS__)

#define ___core_from1(p, a) p
#define ___core_from2(p, a, b) ___core_read_ptr1(p, a)
#define ___core_from3(p, a, b, c) ___core_read_ptr1(___core_from2(p, a, b), b)
#define ___core_from4(p, a, b, c, d) ___core_read_ptr1(___core_from3(p, a, b, c), c)
#define ___core_from5(p, a, b, c, d, e) ___core_read_ptr1(___core_from4(p, a, b, c, d), d)
#define ___core_from6(p, a, b, c, d, e, f) ___core_read_ptr1(___core_from5(p, a, b, c, d, e), e)
#define ___core_from(p, ...) ___core_by_count(___core_from, __VA_ARGS__)(p, __VA_ARGS__)

#define core_read(ptr, ...)								\
	___core_read1(___core_from(ptr, __VA_ARGS__), ___core_last(__VA_ARGS__))
#define core_read_into(dst, ptr, ...)							\
	___core_read_into1(dst, ___core_from(ptr, __VA_ARGS__), ___core_last(__VA_ARGS__))
#define core_read_ptr(ptr, ...)								\
	___core_read_ptr1(___core_from(ptr, __VA_ARGS__), ___core_last(__VA_ARGS__))
#define core_read_ptr_into(dst, ptr, ...)						\
	___core_read_ptr_into1(dst, ___core_from(ptr, __VA_ARGS__), ___core_last(__VA_ARGS__))
#define core_read_str(dst, size, ptr, ...)						\
	___core_read_str1(dst, size, ___core_from(ptr, __VA_ARGS__), ___core_last(__VA_ARGS__))

/*
 * Sending events
 * --------------
 *   CORE_EVENTS(name, bytes)      defines the ring buffer `name`, whose size is a power of two and
 *                                 whole pages, and `name_lost`, which counts events without room
 *   core_reserve(name, type)      room for a `type`, to be filled and given to bpf_ringbuf_submit or
 *                                 bpf_ringbuf_discard; or NULL, and the event is counted as lost
 *   core_output(name, ptr, size)  sends a copy; 0, or a negative error when it is lost and counted
 */
#define CORE_EVENTS(name, bytes)							\
	struct {									\
		__uint(type, BPF_MAP_TYPE_RINGBUF);					\
		__uint(max_entries, bytes);						\
	} name SEC(".maps");								\
	struct {									\
		__uint(type, BPF_MAP_TYPE_ARRAY);					\
		__uint(max_entries, 1);							\
		__type(key, __u32);							\
		__type(value, __u64);							\
	} name##_lost SEC(".maps")

#define ___core_lose(name) ({								\
	__u32 ___core_first = 0;							\
	__u64 *___core_lost = bpf_map_lookup_elem(&name##_lost, &___core_first);	\
	if (___core_lost)								\
		__sync_fetch_and_add(___core_lost, 1);					\
})

#define core_reserve(name, type) ({							\
	type *___core_event = bpf_ringbuf_reserve(&name, sizeof(type), 0);		\
	if (!___core_event)								\
		___core_lose(name);							\
	___core_event;									\
})

#define core_output(name, ptr, size) ({							\
	long ___core_sent = bpf_ringbuf_output(&name, (ptr), (size), 0);		\
	if (___core_sent)								\
		___core_lose(name);							\
	___core_sent;									\
})

#endif /* CORE_BPF_H */
