// The ways through the page: a column on a wide window, a bar with the rest behind "More" on a phone.
import { useState } from "react";
import { to } from "../lib/route";
import { useStore } from "../lib/store";
import { Key, Language, chooseLanguage, language, useText } from "../lib/text";
import { Theme, chooseTheme, theme } from "../lib/theme";
import { Dialog } from "./dialog";
import { Segments } from "./fields";
import { Icon, IconName, Mark } from "./icons";
import { LinkMark } from "./link";

interface Place {
  name: string;
  icon: IconName;
  word: Key;
}

const places: Place[] = [
  { name: "overview", icon: "overview", word: "nav.overview" },
  { name: "nodes", icon: "nodes", word: "nav.nodes" },
  { name: "groups", icon: "groups", word: "nav.groups" },
  { name: "send", icon: "send", word: "nav.send" },
  { name: "later", icon: "later", word: "nav.later" },
  { name: "live", icon: "live", word: "nav.live" },
  { name: "events", icon: "events", word: "nav.events" },
  { name: "dead", icon: "dead", word: "nav.dead" },
];
const first = places.filter(({ name }) => ["overview", "nodes", "send", "live"].includes(name));
const rest = places.filter((place) => !first.includes(place));

function PlaceLink({ place, here, onClick }: { place: Place; here: string; onClick?: () => void }) {
  const t = useText();
  return (
    <a href={to(place.name)} aria-current={place.name === here ? "page" : undefined} onClick={onClick}>
      <Icon name={place.icon} />
      <span className="clip">{t(place.word)}</span>
    </a>
  );
}

// One pair of names per place where these stand, for radio buttons of one name are one choice.
function Preferences({ where }: { where: string }) {
  const t = useText();
  return (
    <div className="row tight">
      <Segments<Language> label={t("nav.language")} name={"language-" + where} value={useStore(language)}
        onChange={chooseLanguage} options={[{ value: "en", label: "EN" }, { value: "zh", label: "中文" }]} />
      <Segments<Theme> label={t("nav.theme")} name={"theme-" + where} value={useStore(theme)} onChange={chooseTheme}
        options={[
          { value: "light", label: <Worded icon="sun" word="nav.light" /> },
          { value: "dark", label: <Worded icon="moon" word="nav.dark" /> },
        ]} />
    </div>
  );
}

function Worded({ icon, word }: { icon: IconName; word: Key }) {
  const t = useText();
  return (
    <>
      <Icon name={icon} />
      <span className="hear">{t(word)}</span>
    </>
  );
}

export function SideBar({ here }: { here: string }) {
  const t = useText();
  return (
    <nav className="side" aria-label={t("nav.title")}>
      <a className="brand" href={to("overview")}>
        <Mark />
        cast
      </a>
      <div className="links">
        {places.map((place) => (
          <PlaceLink key={place.name} place={place} here={here} />
        ))}
      </div>
      <div className="foot">
        <LinkMark />
        <Preferences where="side" />
      </div>
    </nav>
  );
}

export function BottomBar({ here }: { here: string }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const elsewhere = rest.some((place) => place.name === here);
  const close = () => setOpen(false);
  return (
    <>
      <nav className="bottom" aria-label={t("nav.title")}>
        {first.map((place) => (
          <PlaceLink key={place.name} place={place} here={here} />
        ))}
        <button type="button" aria-haspopup="dialog" aria-expanded={open} aria-current={elsewhere ? "page" : undefined}
          onClick={() => setOpen(true)}>
          <Icon name="more" />
          <span>{t("nav.more")}</span>
        </button>
      </nav>
      {open && (
        <Dialog title={t("nav.more")} onClose={close}>
          <div className="links">
            {rest.map((place) => (
              <PlaceLink key={place.name} place={place} here={here} onClick={close} />
            ))}
          </div>
          <LinkMark />
          <Preferences where="more" />
          <button type="button" className="button" onClick={close}>
            {t("do.close")}
          </button>
        </Dialog>
      )}
    </>
  );
}
