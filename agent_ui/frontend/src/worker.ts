/** A steady beat for the page: timers of hidden tabs are slowed down, a Worker's are not. */
setInterval(() => postMessage(0), 250);
