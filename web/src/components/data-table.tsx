import {
  type ColumnDef,
  flexRender,
  getCoreRowModel,
  getPaginationRowModel,
  getSortedRowModel,
  type Header,
  type SortingState,
  useReactTable,
} from "@tanstack/react-table";
import { useState } from "react";
import { t } from "../texts";
import { Scrollable } from "./parts";

declare module "@tanstack/react-table" {
  interface ColumnMeta<TData, TValue> {
    /** Classes of the column's cells: `number`, and `wide` for one that a phone leaves out. */
    className?: string;
    _types?: [TData, TValue];
  }
}

interface Props<Row> {
  label: string;
  // biome-ignore lint/suspicious/noExplicitAny: the values of columns differ in type
  columns: ColumnDef<Row, any>[];
  rows: Row[];
  rowId: (row: Row) => string;
  initialSort?: SortingState;
  pageSize?: number;
}

/** A table whose columns can be sorted; long ones have pages. */
export function DataTable<Row>({ label, columns, rows, rowId, initialSort = [], pageSize = 100 }: Props<Row>) {
  const [sorting, setSorting] = useState<SortingState>(initialSort);
  const table = useReactTable({
    columns,
    data: rows,
    state: { sorting },
    onSortingChange: setSorting,
    initialState: { pagination: { pageSize } },
    getRowId: rowId,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    getPaginationRowModel: getPaginationRowModel(),
  });
  return (
    <>
      <Scrollable className="table-frame" label={label}>
        <table aria-label={label}>
          <thead>
            {table.getHeaderGroups().map((group) => (
              <tr key={group.id}>
                {group.headers.map((header) => (
                  <Heading key={header.id} header={header} />
                ))}
              </tr>
            ))}
          </thead>
          <tbody>
            {table.getRowModel().rows.map((row) => (
              <tr key={row.id}>
                {row.getVisibleCells().map((cell, index) => {
                  const content = flexRender(cell.column.columnDef.cell, cell.getContext());
                  const className = cell.column.columnDef.meta?.className;
                  return index === 0 ? (
                    <th key={cell.id} scope="row" className={className}>
                      {content}
                    </th>
                  ) : (
                    <td key={cell.id} className={className}>
                      {content}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scrollable>
      {table.getPageCount() > 1 && (
        <Pager
          page={table.getState().pagination.pageIndex + 1}
          pages={table.getPageCount()}
          onPrevious={table.getCanPreviousPage() ? table.previousPage : undefined}
          onNext={table.getCanNextPage() ? table.nextPage : undefined}
        />
      )}
    </>
  );
}

function Heading<Row>({ header }: { header: Header<Row, unknown> }) {
  const { column } = header;
  const content = flexRender(column.columnDef.header, header.getContext());
  const sorted = column.getIsSorted();
  const order = sorted === "asc" ? "ascending" : "descending";
  return (
    <th scope="col" className={column.columnDef.meta?.className} aria-sort={sorted ? order : undefined}>
      {column.getCanSort() ? (
        <button type="button" className="sort" onClick={column.getToggleSortingHandler()}>
          {content}
          <span aria-hidden="true">{sorted === "asc" ? " ↑" : sorted === "desc" ? " ↓" : ""}</span>
        </button>
      ) : (
        content
      )}
    </th>
  );
}

interface PagerProps {
  page: number;
  pages: number;
  onPrevious: (() => void) | undefined;
  onNext: (() => void) | undefined;
}

function Pager({ page, pages, onPrevious, onNext }: PagerProps) {
  return (
    <div className="pager">
      <button type="button" disabled={!onPrevious} onClick={onPrevious}>
        {t.previous}
      </button>
      <span role="status">{t.page(page, pages)}</span>
      <button type="button" disabled={!onNext} onClick={onNext}>
        {t.next}
      </button>
    </div>
  );
}
