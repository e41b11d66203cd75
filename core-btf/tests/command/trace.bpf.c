typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
static long (*const bpf_probe_read_user)(void *, unsigned, const void *) = (void *) 112;
static long (*const bpf_probe_read_kernel)(void *, unsigned, const void *) = (void *) 113;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#define APP __attribute__((btf_decl_tag("core:app")))
struct point { int x, y; } APP;
struct request { unsigned long id; struct point at; int gone; } APP;
struct task_struct { int pid; };
#pragma clang attribute pop

char LICENSE[] SEC("license") = "GPL";
u64 seen;

SEC("uprobe") int on_handle(struct request *request)
{
    int y = 0;
    bpf_probe_read_user(&y, sizeof(y), &request->at.y);
    seen = y;
    return 0;
}

#ifdef GONE
SEC("uprobe") int on_gone(struct request *request)
{
    int gone = 0;
    bpf_probe_read_user(&gone, sizeof(gone), &request->gone);
    seen = gone;
    return 0;
}
#endif

#ifdef ASKS
SEC("uprobe") int on_asks(struct request *request)
{
    int gone = 0;
    if (__builtin_preserve_field_info(request->gone, 2))
        bpf_probe_read_user(&gone, sizeof(gone), &request->gone);
    seen = gone;
    return 0;
}
#endif

#ifdef KERNEL
SEC("uprobe") int on_task(void *context)
{
    struct task_struct *task = (void *) ((long (*)(void)) 35)();
    int pid = 0;
    bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid);
    seen = pid;
    return 0;
}
#endif
