import type { AttributeProto, GraphProto, NodeProto, TensorProto } from './generated/onnx/onnx_pb.js';

/** The attributes of a node. Numbers of type int64 are returned as numbers, which is exact up to 2^53. */
export class Attributes {
  private readonly byName: ReadonlyMap<string, AttributeProto>;

  constructor({ attribute }: Pick<NodeProto, 'attribute'>) {
    this.byName = new Map(attribute.map((each) => [each.name, each]));
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  int(name: string, otherwise: number): number {
    const found = this.byName.get(name);
    return found ? Number(found.i) : otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.byName.get(name)?.f ?? otherwise;
  }

  string(name: string, otherwise: string): string {
    const found = this.byName.get(name);
    return found ? new TextDecoder().decode(found.s) : otherwise;
  }

  ints(name: string): number[] | undefined {
    return this.byName.get(name)?.ints.map(Number);
  }

  floats(name: string): number[] | undefined {
    return this.byName.get(name)?.floats;
  }

  strings(name: string): string[] | undefined {
    return this.byName.get(name)?.strings.map((text) => new TextDecoder().decode(text));
  }

  tensor(name: string): TensorProto | undefined {
    return this.byName.get(name)?.t;
  }

  /** Returns the names of the attributes that hold a graph of their own, such as the branches of If. */
  graphs(): { name: string; graph: GraphProto }[] {
    return [...this.byName.values()].flatMap(({ name, g, graphs }) =>
      [...(g ? [g] : []), ...graphs].map((graph) => ({ name, graph })),
    );
  }
}
