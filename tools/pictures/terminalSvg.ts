/** Colours of a terminal. */
interface Theme {
  readonly background: string;
  readonly border: string;
  readonly text: string;
  readonly prompt: string;
}

export const THEMES = {
  light: { background: '#f8fafc', border: '#cbd5e1', text: '#1e293b', prompt: '#2563eb' },
  dark: { background: '#0d1117', border: '#30363d', text: '#e6edf3', prompt: '#79c0ff' },
} as const satisfies Record<string, Theme>;

const FONT = { size: 14, width: 8.43, line: 21 };
const MARGIN = 20;
const PROMPT = '$ ';

/** Draws a command and its output as an SVG, one `text` element a line. */
export function terminalSvg(command: string, output: string, theme: Theme): string {
  const lines = [`${PROMPT}${command}`, ...output.trimEnd().split('\n')];
  const columns = Math.max(...lines.map(({ length }) => length));
  const width = Math.ceil(columns * FONT.width) + 2 * MARGIN;
  const height = lines.length * FONT.line + 2 * MARGIN;
  const texts = lines.map((line, index) => {
    const y = MARGIN + (index + 1) * FONT.line - 6;
    return `  <text x="${MARGIN}" y="${y}"${index === 0 ? ' class="prompt"' : ''}>${escaped(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>Output of ${escaped(command)}</title>
  <style>
    text { font: ${FONT.size}px ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace; fill: ${theme.text}; white-space: pre; }
    .prompt { fill: ${theme.prompt}; }
  </style>
  <rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${theme.background}" stroke="${theme.border}" />
${texts.join('\n')}
</svg>
`;
}

/** Reads the command and its output back from a picture. */
export function linesOf(svg: string): readonly string[] {
  return [...svg.matchAll(/<text [^>]*>(.*)<\/text>/g)].map(([, text = '']) => unescaped(text));
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;' } as const;

function escaped(text: string): string {
  return text.replaceAll(/[&<>]/g, (character) => ENTITIES[character as keyof typeof ENTITIES]);
}

function unescaped(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
