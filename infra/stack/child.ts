/** What the processes of the stack owe the one that started them. */

/** Tells the parent that this process serves, and ends it when the parent is gone, however that came about. */
export function reportReady(): void {
  // Ctrl-C goes to every process of the terminal. It is for the one that started them, which stops them in their order.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit(0));
  process.send?.('ready');
}
