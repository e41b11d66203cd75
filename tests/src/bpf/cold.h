// What both programs do with memory that may not be there.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__s64 id_rc, text_rc, words_rc, name_rc, number_rc;
__u64 id, next_id;
__u32 number;
char text[32], words[32], name[32];

#define READ_COLD(cold) ({                                                      \
    id_rc = core_read_into(&id, cold, id);                                      \
    next_id = core_read(cold, next, id);                                        \
    text_rc = core_str(text, sizeof(text), cold, text);                         \
    words_rc = core_read_str(words, sizeof(words), cold, words);                \
    name_rc = core_read_str(name, sizeof(name), cold, name);                    \
    number_rc = FETCH(&number, sizeof(number), core_vec_at(cold, numbers, 1500)); \
    0;                                                                          \
})
