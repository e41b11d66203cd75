/* What a BPF program read, by name, to be compared with what the traced process says. */
#ifndef SAY_H
#define SAY_H

#include "traceable.bpf.h"

enum kind { NOTHING, NUMBER, TEXT, MISSING };

struct said {
	char name[24];
	char text[24];
	__s64 value; /* or the length of the text, or an error */
	__u64 kind;
};

/* Each place in the source has one of its own. */
struct said said[200];

#define ___say(name_, kind_) ({						\
	struct said *___said = &said[__COUNTER__];			\
	__builtin_memcpy(___said->name, name_, sizeof(name_));		\
	___said->kind = kind_;						\
	___said;							\
})

#define say(name, number) ({ __s64 ___number = (number); ___say(name, NUMBER)->value = ___number; })

#define say_word(name_, word) ({					\
	struct said *___word = ___say(name_, TEXT);			\
	__builtin_memcpy(___word->text, word, sizeof(word));		\
	___word->value = sizeof(word) - 1;				\
})

#define say_missing(name) ((void)___say(name, MISSING))

/* A text of Rust's. */
#define say_text(name_, ptr, field) ({					\
	struct said *___text = ___say(name_, TEXT);			\
	___text->value = core_str(___text->text, sizeof(___text->text), ptr, field); \
})

/* What a pointer to a number leads to. */
#define say_at(name, type, ptr) ({					\
	type ___at = 0;							\
	bpf_probe_read_user(&___at, sizeof(___at), ptr);		\
	say(name, ___at);						\
})

/* Whether an enum is of this variant. */
#define say_if(name, ptr, type, variant) ({				\
	int ___is = core_variant_is(ptr, type, variant);		\
	if (___is)							\
		say_word(name, #variant);				\
	___is;								\
})

#endif
