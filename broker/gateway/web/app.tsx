// The page: its frame, and which screen is shown. esbuild bundles everything from here.
import "./app.css";
import { ReactNode, useEffect, useRef } from "react";
import { createRoot } from "react-dom/client";
import { restarts } from "./lib/live";
import { route, to } from "./lib/route";
import { useStore } from "./lib/store";
import { Key, language, say, useText } from "./lib/text";
import { Dead } from "./screens/dead_letters";
import { Events } from "./screens/events";
import { GroupDetail, Groups } from "./screens/groups";
import { Scheduled } from "./screens/scheduled";
import { Live } from "./screens/live";
import { NodeDetail } from "./screens/node_detail";
import { Nodes } from "./screens/nodes";
import { Overview } from "./screens/overview";
import { Send } from "./screens/send";
import { Icon } from "./ui/icons";
import { Lost } from "./ui/link";
import { BottomBar, SideBar } from "./ui/navigation";
import { Notices, noticeDone } from "./ui/notices";

interface Shown {
  title: string;
  mono?: boolean;
  back?: string;
  screen: ReactNode;
}

function choose([name, id]: string[]): Shown {
  const plain = new Map<string, [Key, ReactNode]>(Object.entries({
    groups: ["nav.groups", <Groups />],
    nodes: ["nav.nodes", <Nodes />],
    send: ["nav.send", <Send key={location.hash} />],
    later: ["nav.later", <Scheduled />],
    live: ["nav.live", <Live />],
    events: ["nav.events", <Events />],
    dead: ["nav.dead", <Dead />],
  }));
  if (name === "nodes" && id) {
    return { title: id, mono: true, back: to("nodes"), screen: <NodeDetail key={id} id={id} /> };
  }
  if (name === "groups" && id) {
    return { title: id, mono: true, back: to("groups"), screen: <GroupDetail key={id} id={id} /> };
  }
  const [title, screen] = plain.get(name) ?? ["nav.overview", <Overview />];
  return { title: say(title), screen };
}

function Screen({ parts }: { parts: string[] }) {
  const t = useText();
  const { title, mono, back, screen } = choose(parts);
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  const here = parts.join("/");
  useEffect(() => {
    document.title = `${title} · cast`;
  }, [title]);
  // Who follows a link with the keyboard or a screen reader goes on from the new heading.
  useEffect(() => {
    if (!first.current) {
      heading.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    first.current = false;
  }, [here]);
  return (
    <main id="main" className="screen">
      <div className="heading">
        {back && (
          <a className="button plain icon" href={back} aria-label={t("do.back")}>
            <Icon name="back" />
          </a>
        )}
        <h1 ref={heading} tabIndex={-1} className={mono ? "mono said" : ""}>
          {title}
        </h1>
      </div>
      {screen}
    </main>
  );
}

function App() {
  const t = useText();
  useStore(language);
  const parts = useStore(route);
  const again = useStore(restarts);
  useEffect(() => {
    if (again > 0) noticeDone(say("link.restarted"));
  }, [again]);
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.querySelector<HTMLElement>("h1")?.focus();
      }}>
        {t("nav.skip")}
      </a>
      <SideBar here={parts[0] ?? "overview"} />
      <div className="main">
        <Lost />
        <Screen parts={parts} />
      </div>
      <BottomBar here={parts[0] ?? "overview"} />
      <Notices />
    </div>
  );
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
