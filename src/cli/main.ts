#!/usr/bin/env node
import '../engine/tune.js';
import { runCommandLine } from './command-line.js';

// A reader of our output that goes away (`| head`) ends the run; it is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2));
