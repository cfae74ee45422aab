/* Zephyr's console. */
void printk(const char *format, ...);
