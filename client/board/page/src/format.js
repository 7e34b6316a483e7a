// format.js - numbers, days and tables as text. Pure.

/** A day as the language writes it; what is no day is given back. */
export function day(language, text) {
  if (!text || !/^\d{4}-\d{2}-\d{2}/.test(text)) return text ?? "";
  const date = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  return new Intl.DateTimeFormat(language === "da" ? "da-DK" : "en-GB", {
    day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
  }).format(date);
}

/** A number as the language writes it. */
export function number(language, value) {
  return typeof value === "number"
    ? new Intl.NumberFormat(language === "da" ? "da-DK" : "en-GB", { maximumFractionDigits: 3 }).format(value)
    : "";
}

/** A number for an axis, with few letters: 600,000 is 600K. */
export function briefly(language, value) {
  return new Intl.NumberFormat(language === "da" ? "da-DK" : "en-GB", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** The last part of a subject or id: `trial/ff2-018` is `ff2-018`. */
export const short = (subject) => (subject ?? "").replace(/^[a-z]+\//, "");

/** Today, a day in UTC as all days here are. */
export const today = () => new Date().toISOString().slice(0, 10);

/** Days from the epoch and back, for what is dragged. */
export const dayNumber = (text) => Math.floor(Date.parse(`${text.slice(0, 10)}T00:00:00Z`) / 86400000);
export const dayOf = (count) => new Date(count * 86400000).toISOString().slice(0, 10);

const cell = (value) => {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(cell).join("; ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
};

/** Rows as CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets a quote in front. */
export function csv(columns, rows) {
  const quoted = (text) => {
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const line = (cells) => `${cells.map(quoted).join(",")}\r\n`;
  return line(columns) + rows.map((row) => line(columns.map((name) => cell(row[name])))).join("");
}

/** How many rows there are of each value of a field: [[value, count]], the most first. */
export function countBy(rows, field) {
  const counts = new Map();
  for (const row of rows) counts.set(row[field], (counts.get(row[field]) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || String(a[0]).localeCompare(String(b[0])));
}

/** The rows that have all words of a question somewhere in them. */
export function matching(rows, question) {
  const words = question.toLocaleLowerCase("da").split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return rows.filter((row) => {
    const text = row.text.toLocaleLowerCase("da");
    return words.every((word) => text.includes(word));
  });
}
