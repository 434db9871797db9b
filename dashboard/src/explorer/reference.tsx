import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type GraphQLType,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from "graphql";
import { useState } from "react";
import { SearchField } from "@/ui/search-field";

type Choose = (name: string) => void;

function TypeName({ type, onChoose }: { readonly type: GraphQLType; readonly onChoose: Choose }) {
  const { name } = getNamedType(type);
  const [before = "", after = ""] = String(type).split(name);
  return (
    <code className="text-dim">
      {before}
      <button type="button" onClick={() => onChoose(name)} className="text-accent hover:underline">
        {name}
      </button>
      {after}
    </code>
  );
}

function Entry({
  entry,
  onChoose,
}: {
  readonly entry: GraphQLField<unknown, unknown> | GraphQLInputField | GraphQLArgument;
  readonly onChoose: Choose;
}) {
  const given = "args" in entry ? entry.args : [];
  return (
    <li className="border-line border-t py-1.5">
      <code className="font-medium">{entry.name}</code>
      {": "}
      <TypeName type={entry.type} onChoose={onChoose} />
      {entry.deprecationReason != null && (
        <p className="text-warn">Deprecated: {entry.deprecationReason}</p>
      )}
      {entry.description != null && <p className="text-dim">{entry.description}</p>}
      {given.length > 0 && (
        <ul className="ml-4">
          {given.map((each) => (
            <Entry key={each.name} entry={each} onChoose={onChoose} />
          ))}
        </ul>
      )}
    </li>
  );
}

function listRelated(schema: GraphQLSchema, type: GraphQLNamedType): readonly GraphQLNamedType[] {
  if (isAbstractType(type)) return schema.getPossibleTypes(type);
  return isObjectType(type) || isInterfaceType(type) ? type.getInterfaces() : [];
}

function TypePage({
  schema,
  type,
  onChoose,
}: {
  readonly schema: GraphQLSchema;
  readonly type: GraphQLNamedType;
  readonly onChoose: Choose;
}) {
  const hasFields = isObjectType(type) || isInterfaceType(type) || isInputObjectType(type);
  const related = listRelated(schema, type);
  return (
    <article aria-label={type.name}>
      <h2 className="font-medium text-base">{type.name}</h2>
      {type.description != null && <p className="mb-2 text-dim">{type.description}</p>}
      {related.length > 0 && (
        <p className="mb-2">
          {isAbstractType(type) ? "One of: " : "Is a: "}
          {related.map((each) => (
            <span key={each.name} className="mr-2">
              <TypeName type={each} onChoose={onChoose} />
            </span>
          ))}
        </p>
      )}
      <ul>
        {hasFields &&
          Object.values<GraphQLField<unknown, unknown> | GraphQLInputField>(type.getFields()).map(
            (entry) => <Entry key={entry.name} entry={entry} onChoose={onChoose} />,
          )}
        {isEnumType(type) &&
          type.getValues().map(({ name, description }) => (
            <li key={name} className="border-line border-t py-1.5">
              <code className="font-medium">{name}</code>
              {description != null && <p className="text-dim">{description}</p>}
            </li>
          ))}
      </ul>
    </article>
  );
}

function listTypes(schema: GraphQLSchema, text: string): readonly GraphQLNamedType[] {
  const wanted = text.toLowerCase();
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const first = roots.filter((each) => each != null);
  const others = Object.values(schema.getTypeMap())
    .filter((type) => !type.name.startsWith("__") && !first.some(({ name }) => name === type.name))
    .sort((one, other) => one.name.localeCompare(other.name));
  return [...first, ...others].filter(
    (type) =>
      type.name.toLowerCase().includes(wanted) ||
      ("getFields" in type &&
        Object.keys(type.getFields()).some((name) => name.toLowerCase().includes(wanted))),
  );
}

/** The schema's types: found by their names and their fields', each with what it has. */
export function Reference({ schema }: { readonly schema: GraphQLSchema }) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState("Query");
  const type = schema.getType(chosen);
  return (
    <section
      aria-label="Schema"
      className="flex min-h-0 border-line max-md:h-1/2 max-md:border-b md:w-[46%] md:border-r"
    >
      <nav
        aria-label="Types"
        className="flex w-52 shrink-0 flex-col gap-2 border-line border-r p-2 max-md:w-36"
      >
        <SearchField
          label="Find a type or field"
          placeholder="Find…"
          value={text}
          onSearch={setText}
        />
        <ul className="min-h-0 overflow-auto">
          {listTypes(schema, text).map(({ name }) => (
            <li key={name}>
              <button
                type="button"
                aria-current={name === chosen}
                onClick={() => setChosen(name)}
                className="w-full truncate rounded px-2 py-0.5 text-left hover:bg-hover aria-[current=true]:bg-selected"
              >
                {name}
              </button>
            </li>
          ))}
        </ul>
      </nav>
      <div className="min-w-0 flex-1 overflow-auto p-3 text-sm">
        {type != null && <TypePage schema={schema} type={type} onChoose={setChosen} />}
      </div>
    </section>
  );
}
