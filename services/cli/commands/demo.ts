import type { Command } from 'commander'
import type { Context } from '../context.js'
import { demo } from '../demo/demo.js'

export const demoCommand = (program: Command, context: () => Context, stateDirectory: string, data: URL): void => {
  program
    .command('demo')
    .description('a tour of the running platform on real data')
    .action(async () => {
      const { out, openEdge } = context()
      await demo(openEdge, stateDirectory, data, (line) => out.note(line))
    })
}
