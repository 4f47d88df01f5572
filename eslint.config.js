import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * What lies outside of the process is handed in (`Runtime`, packages/core/src/runtime), and never reached for.
 * @type {import('eslint').Linter.Config}
 */
const outside = {
  files: ['packages/*/src/**/*.ts'],
  ignores: [
    // Adapters: the machine's side of each port, and what provisions and binds an engine.
    'packages/core/src/node/**',
    'packages/transport/src/node/**',
    'packages/trainer/src/engines/{tensorflow,xla}/**',
    'packages/pjrt/**',
    // What measures and what tests.
    'packages/bench/**',
    'packages/testing/**',
    '**/*.{test,fixture}.ts',
  ],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: [
          ...['fs', 'fs/promises', 'net', 'tls', 'http', 'http2', 'https', 'dgram', 'dns', 'dns/promises'],
          ...['child_process', 'os', 'timers', 'timers/promises'],
        ].map((name) => ({ name: `node:${name}`, message: 'Take it from the runtime that is handed in.' })),
      },
    ],
    'no-restricted-globals': [
      'error',
      ...['setTimeout', 'setInterval', 'setImmediate', 'performance', 'fetch'].map((name) => ({
        name,
        message: 'Take the clock from the runtime that is handed in.',
      })),
    ],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'Take the clock from the runtime that is handed in.' },
      { object: 'process', property: 'pid', message: 'Take it from runtime.processes.' },
      { object: 'process', property: 'kill', message: 'Take it from runtime.processes.' },
      { object: 'crypto', property: 'randomUUID', message: 'Take it from runtime.random.' },
    ],
    'no-restricted-syntax': [
      'error',
      {
        selector: "NewExpression[callee.name='Date'][arguments.length=0]",
        message: 'Take the time from the runtime that is handed in.',
      },
      {
        selector: 'ImportSpecifier[imported.name=/^(randomUUID|randomBytes|hostname)$/]',
        message: 'Take it from the runtime that is handed in.',
      },
    ],
  },
};

export default defineConfig(
  globalIgnores(['**/dist/', 'packages/*/src/generated/', '**/.drift/', '.nx/', 'runs/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      eqeqeq: ['error', 'always'],
      'no-console': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Interfaces that promise asynchrony are met by methods that need none.
      '@typescript-eslint/require-await': 'off',
    },
  },
  outside,
  {
    // TypeScript checks names here, and knows Node's globals.
    files: ['**/*.{ts,js,mjs}'],
    rules: { 'no-undef': 'off' },
  },
  {
    // What a test reads from JSON or from another process it checks by its expectations; a cast in JSDoc is not seen.
    files: ['**/*.test.ts', '**/*.{js,mjs}'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    // Examples of extensions are plain JavaScript, as users write it.
    files: ['test/extending/*.mjs'],
    rules: { '@typescript-eslint/no-unsafe-call': 'off' },
  },
);
