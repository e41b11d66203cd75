/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading Rust values: enums with data, text, and vectors.
 *
 *   core_variant_is(ptr, State, Busy)     whether `union State *ptr` is a State::Busy
 *   core_tag(ptr)                         the raw tag of the enum with data behind ptr
 *   core_str(dst, size, value, field)     copies up to `size` bytes of the text in `field`
 *   core_vec_at(value, field, i)          pointer to element i of the vector or slice in `field`
 *
 * `field` is a member of *value that has `ptr` and `len`: a String, &str, Vec, &[T], PathBuf, ...
 *
 * core_str returns how many bytes it stored, or a negative error; it adds no NUL. core_vec_at gives
 * NULL past the end; its stride is the application's element size, not the header's.
 *
 * With CORE_SLEEPABLE defined, as for core.bpf.h, pages that are not in memory are read too; what
 * core_vec_at points to is then read with core_read or bpf_copy_from_user.
 */
#ifndef CORE_RUST_BPF_H
#define CORE_RUST_BPF_H

#include "core.bpf.h"

#define core_tag(ptr) core_read(ptr, __tag)

/*
 * Each enumerator is asked for before it is used. The empty asm keeps the compiler from computing
 * a value that is not there before it has asked: libbpf makes that an invalid instruction.
 */
#define ___core_has(type, name) bpf_core_enum_value_exists(enum type##__tag, type##name)
#define ___core_value(type, name) ({							\
	asm volatile("");								\
	(__u64)bpf_core_enum_value(enum type##__tag, type##name);			\
})

/* A variant without a value of its own is there when the tag is no other variant's. */
#define core_variant_is(ptr, type, variant) ({						\
	const union type *___core_e = (ptr);						\
	int ___core_is = 0;								\
	if (___core_has(type, _##variant)) {						\
		___core_is = core_tag(___core_e) == ___core_value(type, _##variant);	\
	} else if (___core_has(type, __untagged_##variant)) {				\
		___core_is = 1;								\
		if (___core_has(type, __first)) {					\
			__u64 ___core_first = ___core_value(type, __first);		\
			__u64 ___core_span = ___core_value(type, __last) - ___core_first; \
			__u64 ___core_tag = core_tag(___core_e) - ___core_first;	\
			__u32 ___core_drop = 64 - 8 * ___core_info(___core_e, __tag, BYTE_SIZE); \
			___core_is = (___core_tag << ___core_drop) >			\
				     (___core_span << ___core_drop);			\
		}									\
	}										\
	___core_is;									\
})

#define core_str(dst, size, value, field) ({						\
	__auto_type ___core_t = (value);							\
	const void *___core_text;							\
	__u64 ___core_len = 0;								\
	__u32 ___core_n = (size);							\
	long ___core_err = core_read_ptr_into(&___core_text, ___core_t, field.ptr);	\
	if (!___core_err)								\
		___core_err = core_read_into(&___core_len, ___core_t, field.len);	\
	if (___core_len < ___core_n)							\
		___core_n = ___core_len;						\
	asm volatile("" : "+r"(___core_n));						\
	if (___core_n > (size))								\
		___core_n = (size);							\
	if (!___core_err)								\
		___core_err = ___core_fetch((dst), ___core_n, ___core_text);		\
	___core_err ? ___core_err : (long)___core_n;					\
})

#define core_vec_at(value, field, i) ({							\
	__auto_type ___core_w = (value);							\
	__u64 ___core_at = (i);								\
	___core_at < core_read(___core_w, field.len)					\
		? core_at(core_read_ptr(___core_w, field.ptr), ___core_at)		\
		: (__typeof__(((void)0, ___core_w->field.ptr)))0;			\
})

#endif /* CORE_RUST_BPF_H */
