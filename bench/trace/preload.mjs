// What `node --import` takes: whatever else is started with the same NODE_OPTIONS, of whatever version, is left alone.
if (['gateway', 'sequencer'].some((name) => process.argv.includes(name))) await import('./hooks.ts');
