/** Which of the known commands and names come nearest to what was typed: `suggestion` guesses at one word alone. */

const SHOWN = 6;

/** The known ones by likeness, best first: shared words count most, then how much of the text agrees. */
export function mostAlike(asked: string, known: readonly string[]): string[] {
  const words = asked.split(' ');
  const score = (command: string): number => {
    const own = command.split(' ');
    const shared = words.filter((word) => own.some((other) => other === word)).length;
    return shared + pairs(asked, command);
  };
  return [...known]
    .map((command) => [score(command), command] as const)
    .sort(([a], [b]) => b - a)
    .slice(0, SHOWN)
    .map(([, command]) => command);
}

/** Share of neighbouring letters in `a` that stand next to each other in `b` too. */
function pairs(a: string, b: string): number {
  if (a.length < 2) return 0;
  let shared = 0;
  for (let i = 0; i + 1 < a.length; i++) if (b.includes(a.slice(i, i + 2))) shared++;
  return shared / (a.length - 1);
}
