import { registerHooks } from 'node:module'
import { basename, dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** How the modules of one folder are loaded, until it is closed. */
export interface ModuleHooks {
  readonly folder: string
  /** The URL to import a file by. Another generation is another instance, of the modules it imports too. */
  url(file: string, generation: number): string
  /** Files of the folder that a file imports, itself and theirs included, as far as they were seen. */
  reach(file: string): ReadonlySet<string>
  close(): void
}

/** Which file of this installation answers for a name: source in a checkout, JavaScript when installed. */
function publicModules(): ReadonlyMap<string, string> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const url = (path: string) => new URL(`../core/${path}.${extension}`, import.meta.url).href
  return new Map([
    ['deltabridge', url('index')],
    ['deltabridge/kinds', url('kinds/index')],
    ['deltabridge/testing', url('testing')],
  ])
}

/**
 * Modules under `folder` import this very installation as `deltabridge`, may be TypeScript whatever their package.json says
 * (`npm init` writes `type: commonjs`), and are loaded anew under each generation, so that an edit takes effect.
 * Packages in a node_modules of theirs are left as they are.
 */
export function hookModules(folder: string): ModuleHooks {
  const ours = publicModules()
  const root = `${pathToFileURL(folder).href}/`
  const within = (url: string) => url.startsWith(root) && !url.includes('/node_modules/')
  const imports = new Map<string, Set<string>>()

  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const parent = context.parentURL
      if (parent === undefined || !within(parent)) return next(specifier, context)
      const own = ours.get(specifier)
      if (own !== undefined) return { url: own, shortCircuit: true }
      const resolved = next(specifier, context)
      if (!within(resolved.url)) return resolved
      const importer = fileURLToPath(parent)
      imports.set(importer, (imports.get(importer) ?? new Set()).add(fileURLToPath(resolved.url)))
      const url = new URL(resolved.url)
      url.search = new URL(parent).search
      return { ...resolved, url: url.href }
    },
    load(url, context, next) {
      if (!within(url)) return next(url, context)
      const file = fileURLToPath(url)
      if (/\.m?ts$/.test(file)) return next(url, { ...context, format: 'module-typescript' })
      // a function is a module; what else lies in the folder is what its package.json says
      if (file.endsWith('.js') && dirname(file) === folder) return next(url, { ...context, format: 'module' })
      return next(url, context)
    },
  })

  return {
    folder,
    url: (file, generation) => `${pathToFileURL(file).href}?generation=${generation}`,
    reach(file) {
      const reached = new Set([file])
      for (const one of reached) for (const imported of imports.get(one) ?? []) reached.add(imported)
      return reached
    },
    close: () => hooks.deregister(),
  }
}

/** A function is one of these directly in the folder. */
export function isFunctionFile(file: string): boolean {
  const name = basename(file)
  return /^[^_.].*\.(ts|mts|js|mjs)$/.test(name) && !/\.(d|test)\.[a-z]+$/.test(name)
}
