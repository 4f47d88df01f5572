/** Milliseconds from one start to the next. */
const INTERVAL_MS = 200;

/** Starts trainers one after another by another launcher, so that they do not all read the data set at once. */
const staggered = (other) => ({
  name: 'staggered',
  launch(runtime, request) {
    const { trainers } = request;
    const stopping = new AbortController();
    const launch = other.launch(runtime, { ...request, trainers: Math.min(trainers, 1) });
    const start = async () => {
      for (let i = 1; i < trainers; i++) {
        await runtime.clock.sleep(INTERVAL_MS, stopping.signal);
        launch.replace();
      }
    };
    // The sleep rejects when the launch is stopped: the others are not started any more.
    start().catch(() => undefined);
    return {
      replace: () => launch.replace(),
      stop(graceMs) {
        stopping.abort();
        return launch.stop(graceMs);
      },
    };
  },
});

/** Adds `--launch staggered`. In a trainer's process there is no launcher to build on. */
export default function extend({ launchers }) {
  const local = launchers.find('local');
  if (local) launchers.add(staggered(local));
}
