#!/usr/bin/env node
console.error('deltabridge: no command yet')
process.exitCode = 2
