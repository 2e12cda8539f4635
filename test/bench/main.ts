/** Entry of the product's bundle for `npm run bench`: the benchmarks have a bundle of their own, which main.mjs beside this makes and runs. */
const own = new URL('../../../test/bench/main.mjs', import.meta.url)
await import(own.href)
