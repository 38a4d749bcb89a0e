/* Preloaded, it takes away what makes data durable: the power-cut test must then fail. */
int fdatasync(int fd);
int fsync(int fd);
int msync(void *address, unsigned long length, int flags);

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    return 0;
}

int msync(void *address, unsigned long length, int flags)
{
    (void)address;
    (void)length;
    (void)flags;
    return 0;
}
