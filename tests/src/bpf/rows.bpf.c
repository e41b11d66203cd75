// What the table in core_macros' documentation says, a line for each row; and every member by
// libbpf's own macros too.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__s64 balance;
__u64 wide, size, flag, letter, ratio, huge[2];
__u64 reference, raw, boxed, non_null, optional, nothing, counted, strong, shared;
__u64 cell, maybe, manual, non_zero, atomic;
__s64 text_len, boxed_text_len, string_len;
char text[16], boxed_text[16], string[16];
__u64 slice_1, boxed_slice_1, list_2, list_past, total;
__u64 secs, nanos, system_secs, is_v4, port, locked, mutex, lock, borrowed;
unsigned char v4[4], v6[16];
__u64 mode, is_fast, is_empty, is_loaded, tag, loaded_id, some, niche_none, ok, err_len;
__s64 loaded_name_len;
char loaded_name[16];
__u64 either, array_3, array_i, grid, tuple, length, object, vtable, foreign;

SEC("uprobe")
int BPF_UPROBE(on_show, struct Rows *rows)
{
    // numbers
    balance = core_read(rows, balance);
    wide = core_read(rows, wide);
    size = core_read(rows, size);
    flag = core_read(rows, flag);
    letter = core_read(rows, letter);
    bpf_probe_read_user(&ratio, sizeof(ratio), &rows->ratio);
    bpf_probe_read_user(huge, sizeof(huge), &rows->huge);

    // pointers
    reference = core_read(rows, reference, id);
    raw = core_read(rows, raw, id);
    boxed = core_read(rows, boxed, id);
    non_null = core_read(rows, non_null, id);
    optional = core_read(rows, optional, id);
    nothing = core_read_ptr(rows, nothing) == NULL;

    // counted
    counted = core_read(rows, counted, value.id);
    shared = core_read(rows, shared, value.id);
    strong = core_read(rows, shared, strong);

    // wrappers
    cell = core_read(rows, cell);
    maybe = core_read(rows, maybe);
    manual = core_read(rows, manual.id);
    non_zero = core_read(rows, non_zero);
    atomic = core_read(rows, atomic);

    // slices
    text_len = core_str(text, sizeof(text), rows, text);
    boxed_text_len = core_str(boxed_text, sizeof(boxed_text), rows, boxed_text);
    bpf_probe_read_user(&slice_1, sizeof(__u16), core_vec_at(rows, slice, 1));
    boxed_slice_1 = core_read(core_vec_at(rows, boxed_slice, 1), id);

    // vectors
    string_len = core_str(string, sizeof(string), rows, string);
    list_2 = core_read(core_vec_at(rows, list, 2), id);
    list_past = core_vec_at(rows, list, 3) == NULL;
    for (int i = 0; i < 8; i++) {
        struct Inner *inner = core_vec_at(rows, list, i);

        if (inner)
            total += core_read(inner, id);
    }

    // times_and_addresses
    secs = core_read(rows, duration.secs);
    nanos = core_read(rows, duration.nanos);
    system_secs = core_read(rows, system.secs);
    core_read_bytes(v4, sizeof(v4), rows, v4.octets);
    core_read_bytes(v6, sizeof(v6), rows, v6.octets);
    is_v4 = core_variant_is(&rows->address, SocketAddr, V4);
    port = core_read(rows, address.V4.__0.port);

    // locks
    locked = core_read(rows, mutex.lock);
    mutex = core_read(rows, mutex.data.id);
    lock = core_read(rows, lock.data);
    borrowed = core_read(rows, borrowed.data);

    // fieldless_enums
    mode = core_read(rows, mode);
    is_fast = core_read(rows, mode) == bpf_core_enum_value(enum Mode, Mode_Fast);

    // enums_with_data
    is_empty = core_variant_is(&rows->load, Load, Empty);
    is_loaded = core_variant_is(&rows->load, Load, Loaded);
    if (is_loaded) {
        loaded_id = core_read(rows, load.Loaded.id);
        loaded_name_len = core_str(loaded_name, sizeof(loaded_name), rows, load.Loaded.name);
    }
    tag = core_tag(&rows->option);
    if (core_variant_is(&rows->option, Option_u32, Some))
        some = core_read(rows, option.Some.__0);
    niche_none = core_variant_is(&rows->niche, Option_NonZero_u32, None);
    if (core_variant_is(&rows->result, Result_u8_String, Ok))
        ok = core_read(rows, result.Ok.__0);
    else
        err_len = core_read(rows, result.Err.__0.len);

    // unions_arrays_and_tuples
    either = core_read(rows, either.small);
    array_3 = core_read(rows, array[3]);
    array_i = core_read_elem(rows, array, size & 1);
    grid = core_read(rows, grid[2][1].id);
    tuple = core_read(rows, tuple.__1);
    length = core_read(rows, length.__0);

    // trait_objects
    object = (__u64)core_read_ptr(rows, object.data);
    vtable = (__u64)core_read_ptr(rows, object.vtable);

    // other_crates
    foreign = (__u64)core_read_ptr(rows, foreign);
    return 0;
}

struct {
    __s64 balance;
    __u64 wide, size, flag, letter, reference, raw, boxed, non_null, optional, counted, shared;
    __u64 cell, maybe, manual, non_zero, atomic, text_len, slice_len, boxed_slice_len, string_len;
    __u64 list_len, first, secs, nanos, system_secs, port, mutex, lock, borrowed, mode, loaded_id;
    __u64 some, ok, either, array_3, grid, tuple, length, object;
    unsigned char v4[4], v6[16];
} plain;

// Widths are those of the members: a plain read takes the width of where it reads to.
#define PLAIN(to, ...) (plain.to = BPF_CORE_READ_USER(rows, __VA_ARGS__))

SEC("uprobe")
int BPF_UPROBE(on_show_plain, struct Rows *rows)
{
    PLAIN(balance, balance);
    PLAIN(wide, wide);
    PLAIN(size, size);
    PLAIN(flag, flag);
    PLAIN(letter, letter);
    PLAIN(reference, reference, id);
    PLAIN(raw, raw, id);
    PLAIN(boxed, boxed, id);
    PLAIN(non_null, non_null, id);
    PLAIN(optional, optional, id);
    PLAIN(counted, counted, value.id);
    PLAIN(shared, shared, value.id);
    PLAIN(cell, cell);
    PLAIN(maybe, maybe);
    PLAIN(manual, manual.id);
    PLAIN(non_zero, non_zero);
    PLAIN(atomic, atomic);
    PLAIN(text_len, text.len);
    PLAIN(slice_len, slice.len);
    PLAIN(boxed_slice_len, boxed_slice.len);
    PLAIN(string_len, string.len);
    PLAIN(list_len, list.len);
    PLAIN(first, list.ptr, id);
    PLAIN(secs, duration.secs);
    PLAIN(nanos, duration.nanos);
    PLAIN(system_secs, system.secs);
    PLAIN(port, address.V4.__0.port);
    PLAIN(mutex, mutex.data.id);
    PLAIN(lock, lock.data);
    PLAIN(borrowed, borrowed.data);
    PLAIN(mode, mode);
    PLAIN(loaded_id, load.Loaded.id);
    PLAIN(some, option.Some.__0);
    PLAIN(ok, result.Ok.__0);
    PLAIN(either, either.small);
    PLAIN(array_3, array[3]);
    PLAIN(grid, grid[2][1].id);
    PLAIN(tuple, tuple.__1);
    PLAIN(length, length.__0);
    plain.object = (__u64)BPF_CORE_READ_USER(rows, object.data);
    BPF_CORE_READ_USER_INTO(&plain.v4, rows, v4.octets);
    BPF_CORE_READ_USER_INTO(&plain.v6, rows, v6.octets);
    return 0;
}
