import tseslint from 'typescript-eslint'

/** SQL lives in store/ and in platform/postgres; other text that begins like a statement is a mistake. */
const sqlText = {
  selector:
    'TemplateElement[value.raw=/^\\s*(select\\s|insert\\s+into\\s|update\\s+\\S+\\s+set\\s|delete\\s+from\\s|with\\s+\\w+\\s+as\\s)/i]',
  message: 'SQL lives only in store/ and platform/postgres/.',
}
const environment = [
  { object: 'process', property: 'env', message: 'Only main.ts reads the environment.' },
  { object: 'process', property: 'exit', message: 'Only main.ts exits.' },
]

export default tseslint.config(
  { ignores: ['proto/gen/**', 'dist/**', 'node_modules/**', '.tenantry/**', 'policies/bundle/**', 'coverage/**'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'max-lines': ['error', { max: 400 }],
    },
  },
  {
    files: ['services/**/*.ts'],
    ignores: ['**/*.test.ts', '**/testing.ts', '**/main.ts', 'services/run/**'],
    rules: { 'no-restricted-properties': ['error', ...environment] },
  },
  {
    files: ['services/**/*.ts'],
    ignores: ['services/platform/policy/**'],
    rules: { 'no-restricted-globals': ['error', { name: 'WebAssembly', message: 'Only platform/policy touches WebAssembly.' }] },
  },
  {
    files: ['services/**/*.ts'],
    ignores: [
      '**/store/**',
      'services/platform/postgres/**',
      'services/platform/events/embedded/**',
      '**/*.test.ts',
      '**/testing.ts',
      '**/*.contract.ts',
    ],
    rules: { 'no-restricted-syntax': ['error', sqlText] },
  },
  { files: ['services/cli/**/*.ts', 'services/run/**/*.ts', 'deploy/**/*.mjs', 'test/bench/**'], rules: { 'no-console': 'off' } },
)
