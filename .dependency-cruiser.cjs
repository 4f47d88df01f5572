/**
 * The rooms of the coordinator, and which other rooms each may import. (Packages may import what their package.json lists:
 * see no-undeclared-dependencies. Who wants to know what happens in a room below subscribes to its journal.)
 */
const coordinatorRooms = {
  // Specs are held against the pruning methods that are registered.
  experiment: ['training/methods'],
  journal: [],
  cluster: [],
  launch: ['cluster', 'experiment'],
  training: ['experiment', 'journal', 'cluster'],
  sweep: ['experiment', 'journal', 'cluster', 'launch', 'training'],
  report: ['experiment', 'journal', 'training', 'sweep'],
  tracking: ['experiment', 'journal', 'training', 'sweep'],
};

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(coordinatorRooms).map(([room, below]) => ({
      name: `coordinator-${room}`,
      comment: `coordinator/${room} imports itself and ${below.join(', ') || 'other packages'}: hand in or subscribe to the rest.`,
      severity: 'error',
      // A thread is a program of its own: it loads extensions as main programs do.
      from: { path: `^packages/coordinator/src/${room}/`, pathNot: ['[.]test[.]ts$', '/projecting/thread[.]ts$'] },
      to: {
        path: '^packages/coordinator/src/',
        pathNot: [room, ...below].map((allowed) => `^packages/coordinator/src/${allowed}/`),
      },
    })),
    {
      name: 'sweep-planner-below-scheduler-below-queue',
      comment: 'A plan knows nothing of who runs it, and a scheduler nothing of queues.',
      severity: 'error',
      from: { path: '^packages/coordinator/src/sweep/(planner|scheduler)/', pathNot: '[.]test[.]ts$' },
      to: { path: ['^packages/coordinator/src/sweep/queue/'] },
    },
    {
      name: 'no-circular',
      comment: 'Modules that import each other can only be understood together: move what both need into a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'admm-is-pure',
      comment:
        'admm/ is arrays in, arrays out, to be checked against the paper line by line: it imports itself, what a projection is, and types.',
      severity: 'error',
      from: { path: '^packages/numerics/src/admm/', pathNot: '[.]test[.]ts$' },
      to: {
        pathNot: '^packages/numerics/src/(admm/|constraints/constraint[.]ts$)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'packages-by-their-exports',
      comment: "Another package's src is its own affair: import the package by name, and export there what is wanted.",
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/[^/]+/', pathNot: ['^packages/$1/', '^packages/[^/]+/dist/'] },
    },
    {
      name: 'tests-by-exports',
      comment:
        'Cross-process tests use packages as their users do; those of the mirror hold its own modules against MLflow.',
      severity: 'error',
      from: { path: '^(test|scripts)/', pathNot: '^test/m(lflow|etrics)' },
      to: { path: '^packages/[^/]+/src/' },
    },
    {
      name: 'testing-is-for-tests',
      comment: 'What stands in for the machine in tests and simulations is no part of what ships.',
      severity: 'error',
      from: { path: '^packages/[^/]+/(src|bin)/', pathNot: ['^packages/testing/', '[.]test[.]ts$'] },
      to: { path: '^packages/testing/' },
    },
    {
      name: 'no-orphans',
      comment: 'Nothing imports this module and it imports nothing: remove it, or list it here as an entry point.',
      severity: 'error',
      from: {
        orphan: true,
        // What these packages hold is for the other packages, which import it by package name.
        path: '^packages/',
        pathNot: [
          '[.]d[.]ts$',
          '[.]test[.]ts$',
          '/src/index[.]ts$',
          '^packages/[^/]+/bin/',
          // What `prunegrid init` writes.
          '^packages/cli/templates/',
          '^packages/(core|numerics|testing)/',
        ],
      },
      to: {},
    },
    {
      name: 'no-undeclared-dependencies',
      comment: "Production code may use only what its own package.json lists under 'dependencies'.",
      severity: 'error',
      // A conformance suite is a test that a test file calls.
      from: {
        path: '^packages/[^/]+/(src|bin)/',
        pathNot: ['[.]test[.]ts$', '^packages/testing/src/conformance/'],
      },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'not-to-tests',
      comment: 'Tests are not imported.',
      severity: 'error',
      from: {},
      to: { path: '[.]test[.]ts$' },
    },
    {
      name: 'resolvable',
      comment: 'This import leads nowhere: a typing error, or a package that was not built.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^packages/[^/]+/dist/', '/src/generated/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
