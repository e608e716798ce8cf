import eslint from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import globals from 'globals';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      '.venv/**',
      '.venv-bench/**',
      'coverage/**',
      'lib/**',
      'node_modules/**',
      'python/headrace/labextension/**',
      'src/api/schema.ts',
      'ui-tests/node_modules/**',
      'ui-tests/playwright-report/**',
      'ui-tests/test-results/**'
    ]
  },
  eslint.configs.recommended,
  ...tseslint.configs.recommended,
  prettier,
  ...jupyter.configs.recommended.map(config => ({
    ...config,
    plugins: { ...config.plugins, jupyter },
    files: config.languageOptions ? ['schema/*.json'] : ['src/**/*.{ts,tsx}'],
    ignores: ['src/**/__tests__/**']
  })),
  {
    files: ['**/*.{ts,tsx}'],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        }
      ],
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none' }],
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'max-lines': ['error', 400],
      'prefer-arrow-callback': 'error'
    }
  },
  {
    files: ['*.js', '*.mjs', 'ui-tests/*.js'],
    languageOptions: { globals: globals.node },
    rules: { '@typescript-eslint/no-require-imports': 'off' }
  }
);
