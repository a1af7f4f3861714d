// A line chart of the last minutes. One Chart lives as long as the component; every second its points are replaced in
// place, never added to, so that a page that is open for days costs what it cost in its first minute.
import {
  CategoryScale, Chart, Filler, LineController, LineElement, LinearScale, PointElement, Tooltip,
} from "chart.js";
import { useEffect, useRef } from "react";
import { Point } from "../lib/live";
import { brief } from "../lib/format";
import { useStore } from "../lib/store";
import { language } from "../lib/text";
import { colour, theme } from "../lib/theme";

Chart.register(CategoryScale, Filler, LineController, LineElement, LinearScale, PointElement, Tooltip);

export interface Line {
  label: string;
  hue: string; // a custom property of the stylesheet
  dash?: number[];
  value: (point: Point) => number | null;
  fill?: boolean;
}

interface PlotProps {
  label: string; // what it shows, in a sentence, for those who cannot see it
  lines: Line[];
  points: readonly Point[];
  spanS: number; // how far back it reaches
  unit?: (value: number) => string;
}

export function Plot({ label, lines, points, spanS, unit = brief }: PlotProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const chart = useRef<Chart<"line"> | null>(null);
  const hue = useStore(theme);
  const tongue = useStore(language);

  useEffect(() => {
    if (!canvas.current) return;
    const made = new Chart(canvas.current, settings(lines, spanS, unit));
    chart.current = made;
    return () => {
      made.destroy();
      chart.current = null;
    };
    // The lines of a plot are constant; their words and colours change with these two only.
  }, [hue, tongue, spanS]);

  useEffect(() => {
    const made = chart.current;
    if (!made) return;
    const now = points.length > 0 ? points[points.length - 1].at : 0;
    lines.forEach((line, index) => {
      made.data.datasets[index].data = points.map((point) => (
        { x: (point.at - now) / 1000, y: line.value(point) as number }
      ));
    });
    made.update("none");
  }, [points, hue, tongue, spanS]);

  return (
    <div className="plot">
      <canvas ref={canvas} role="img" aria-label={label} />
    </div>
  );
}

function settings(lines: Line[], spanS: number, unit: (value: number) => string) {
  const grid = { color: colour("line"), borderColor: "transparent", drawTicks: false };
  const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
  return {
    type: "line" as const,
    data: {
      datasets: lines.map((line) => ({
        label: line.label,
        data: [] as { x: number; y: number }[],
        borderColor: colour(line.hue),
        backgroundColor: colour(line.hue) + "22",
        fill: line.fill ?? false,
        borderWidth: 2,
        borderDash: line.dash ?? [],
        pointRadius: 0,
        pointHoverRadius: 3,
        tension: 0.2,
        spanGaps: false,
      })),
    },
    options: {
      animation: false as const,
      parsing: false as const,
      normalized: true,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index" as const, intersect: false },
      plugins: {
        tooltip: {
          displayColors: false,
          callbacks: {
            title: (items: { parsed: { x: number } }[]) => (items.length > 0 ? ago(items[0].parsed.x) : ""),
            label: (item: { dataset: { label?: string }; parsed: { y: number } }) =>
              `${item.dataset.label}: ${unit(item.parsed.y)}`,
          },
        },
      },
      scales: {
        x: {
          type: "linear" as const,
          min: -spanS,
          max: 0,
          grid: { ...grid, display: false },
          ticks: {
            color: colour("ink-3"), font, stepSize: 60, maxRotation: 0, padding: 6,
            callback: (value: string | number) => ago(Number(value)),
          },
        },
        y: {
          beginAtZero: true,
          suggestedMax: 4,
          grid,
          ticks: {
            color: colour("ink-3"), font, maxTicksLimit: 5, padding: 8,
            callback: (value: string | number) => unit(Number(value)),
          },
        },
      },
    },
  };
}

function ago(seconds: number): string {
  const past = Math.round(-seconds);
  const clock = `${Math.floor(past / 60)}:${String(past % 60).padStart(2, "0")}`;
  return past === 0 ? "0:00" : "-" + clock;
}
