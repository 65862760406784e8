/** The contract between a process of the stack and the supervisor that started it. */

/** Reports to the parent that this process is ready. Exits when the parent dies, for whatever reason. */
export function reportReady(): void {
  // Ctrl-C sends SIGINT to every process of the terminal. Only the parent acts on it: it stops its children in order.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit(0));
  process.send?.('ready');
}
