// Databases and tables of the source, to be ticked. Only the lines that can be seen are there.
import { EditOutlined, ReloadOutlined } from '@ant-design/icons';
import { Button, Empty, Flex, Input, Spin, Tag, theme, Tree, Typography } from 'antd';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import { brief, bytes } from '../shown/numbers';
import { useWords } from '../words';
import { type Choice, keptOutBy, renamed, ruleFor, selectorOf, tickDatabase, tickTable } from './choice';
import type { Spec } from './draft';
import type { TreeTable } from './objects-editor';
import { databasePattern, tablePattern } from './pattern';
import { TableDialog } from './table-dialog';
import { dictionary } from './words';

interface Props {
  source: Spec;
  tables: TreeTable[] | undefined;
  isLoading: boolean;
  choice: Choice;
  onChange: (choice: Choice) => void;
  onReload: () => void;
}

interface Database {
  name: string;
  tables: TreeTable[];
}

/** What is edited: a table, or a database as a whole. */
export interface Edited {
  database: string;
  table: string | null;
}

interface Node {
  key: string;
  edited: Edited;
  table: TreeTable | null;
  keptOut: string | null;
  disableCheckbox: boolean;
  children?: Node[];
  isLeaf?: boolean;
}

const HEIGHT = 420;

function byDatabase(tables: TreeTable[]): Database[] {
  const found = new Map<string, TreeTable[]>();
  for (const table of tables) found.set(table.database, [...(found.get(table.database) ?? []), table]);
  return [...found].map(([name, own]) => ({ name, tables: own }));
}

export function SourceTree({ source, tables, isLoading, choice, onChange, onReload }: Props) {
  const words = useWords(dictionary).objects;
  const [search, setSearch] = useState('');
  const [open, setOpen] = useState<string[]>([]);
  const [edited, setEdited] = useState<Edited | null>(null);
  const wanted = useDeferredValue(search.trim().toLowerCase());
  const databases = useMemo(() => byDatabase(tables ?? []), [tables]);
  const { nodes, checked, half } = useMemo(() => nodesOf(databases, choice, wanted), [databases, choice, wanted]);
  // Lines are drawn anew a moment after a tick: the next one must not go by what was before it.
  const latest = useRef(choice);
  latest.current = choice;
  const tick = (node: Node, isOn: boolean) => {
    const { database, table } = node.edited;
    const siblings = databases.find((one) => one.name === database)?.tables.map((one) => one.name) ?? [];
    const next = table === null ? tickDatabase(latest.current, database, isOn) : tickTable(latest.current, database, table, isOn, siblings);
    latest.current = next;
    onChange(next);
  };
  // What is searched for is shown; without a search, what was opened.
  const expanded = wanted ? nodes.map((node) => node.key) : open;
  return (
    <>
      <Flex gap={8} style={{ marginBottom: 8 }}>
        <Input.Search allowClear placeholder={words.search} aria-label={words.search} value={search} onChange={(event) => setSearch(event.target.value)} />
        <Button icon={<ReloadOutlined />} loading={isLoading} onClick={onReload} aria-label={words.reload} />
      </Flex>
      {!tables && isLoading && (
        <p>
          <Spin size="small" /> {words.loading}
        </p>
      )}
      {tables && nodes.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={wanted ? words.nothingFound : words.empty} />}
      {nodes.length > 0 && (
        <Tree<Node>
          className="objects-tree"
          aria-label={words.tree}
          checkable
          checkStrictly
          selectable={false}
          blockNode
          virtual
          height={HEIGHT}
          treeData={nodes}
          checkedKeys={{ checked, halfChecked: half }}
          expandedKeys={expanded}
          onExpand={(keys) => setOpen(keys as string[])}
          onCheck={(_, { node, checked: isOn }) => tick(node, isOn)}
          titleRender={(node) => <Line node={node} choice={choice} onEdit={() => setEdited(node.edited)} />}
        />
      )}
      {edited && <TableDialog source={source} edited={edited} objects={choice.objects} onDone={(objects) => onChange({ ...latest.current, objects })} onClose={() => setEdited(null)} />}
    </>
  );
}

function nodesOf(databases: Database[], choice: Choice, wanted: string) {
  const selector = selectorOf(choice);
  const checked: string[] = [];
  const half: string[] = [];
  const nodes: Node[] = [];
  databases.forEach((database, at) => {
    const isDatabaseWanted = database.name.toLowerCase().includes(wanted);
    let selected = 0;
    const children: Node[] = [];
    database.tables.forEach((table, number) => {
      const key = `${at}/${number}`;
      const isSelected = selector.selects(database.name, table.name);
      if (isSelected) {
        checked.push(key);
        selected += 1;
      }
      if (!isDatabaseWanted && !table.name.toLowerCase().includes(wanted)) return;
      const keptOut = isSelected ? null : keptOutBy(choice, database.name, table.name);
      children.push({ key, edited: { database: database.name, table: table.name }, table, keptOut, disableCheckbox: !!keptOut, isLeaf: true });
    });
    const key = String(at);
    // Ticked means the whole database with its future tables; some, or all one by one, is half of that.
    if (selector.hasWhole(database.name) && selected === database.tables.length) checked.push(key);
    else if (selected > 0 || selector.hasWhole(database.name)) half.push(key);
    if (children.length > 0 || isDatabaseWanted) nodes.push({ key, edited: { database: database.name, table: null }, table: null, keptOut: null, disableCheckbox: false, children });
  });
  return { nodes, checked, half };
}

function Line({ node, choice, onEdit }: { node: Node; choice: Choice; onEdit: () => void }) {
  const words = useWords(dictionary).objects;
  const { token } = theme.useToken();
  const { database, table } = node.edited;
  const pattern = table === null ? databasePattern(database) : tablePattern(database, table);
  const to = renamed(choice.objects, pattern);
  const name = table ?? database;
  const isWhole = table === null && selectorOf(choice).hasWhole(database);
  return (
    <Flex gap={8} align="center" style={{ minWidth: 0, paddingInlineEnd: 6 }}>
      <Typography.Text ellipsis={{ tooltip: name }} strong={table === null} style={{ minWidth: 60 }}>
        {name}
      </Typography.Text>
      {to && <Tag style={{ margin: 0, maxWidth: 200, overflow: 'hidden', textOverflow: 'ellipsis' }}>→ {to}</Tag>}
      {isWhole && (
        <Tag color="processing" style={{ margin: 0 }}>
          {words.future}
        </Tag>
      )}
      {ruleFor(choice.objects, pattern) && (
        <Tag color="warning" style={{ margin: 0 }}>
          {words.ruled}
        </Tag>
      )}
      {node.keptOut && (
        <Typography.Text type="secondary" ellipsis style={{ fontSize: 12 }}>
          {words.keptOut(node.keptOut)}
        </Typography.Text>
      )}
      <span style={{ flex: 1 }} />
      <span style={{ color: token.colorTextSecondary, fontSize: 12, whiteSpace: 'nowrap' }}>
        {node.table ? `${words.rows(brief(node.table.rows_estimated))} · ${bytes(node.table.bytes_estimated)}` : String(node.children?.length ?? 0)}
      </span>
      <Button type="text" size="small" icon={<EditOutlined />} aria-label={words.edit(name)} onClick={onEdit} />
    </Flex>
  );
}
