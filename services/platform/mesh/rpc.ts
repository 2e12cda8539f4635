import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import type { Call } from './call.js'

/** One RPC as a service writes it: the message, checked and authorized, and the call; it answers with a message or throws an AppError. */
export type Rpc<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: Call) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: Call) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, call: Call) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, call: Call) => AsyncIterable<MessageInitShape<O>>
          : never

/** A method with what serves it. */
export interface Route {
  readonly method: DescMethod
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the one place where methods of all shapes stand in one list
  readonly rpc: Rpc<any>
}

/** Every method of a service with its RPC: one left out does not compile. */
export const routes = <T extends GenServiceMethods>(
  service: GenService<T>,
  rpcs: { [K in keyof T]: Rpc<GenService<T>['method'][K]> },
): Route[] =>
  Object.entries(service.method).map(([name, method]) => ({
    method: method as DescMethod,
    rpc: (rpcs as Record<string, Route['rpc']>)[name]!,
  }))
