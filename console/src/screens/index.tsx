import type { ComponentChildren } from "preact";
import { route } from "../state/route";
import { ChangesScreen } from "./changes";
import { DeliveriesScreen } from "./deliveries";
import { DeliveryScreen } from "./delivery";
import { EndpointScreen } from "./endpoint";
import { NewEndpointScreen } from "./endpoint-new";
import { EndpointsScreen } from "./endpoints";
import { EventScreen } from "./event";
import { EventsScreen } from "./events";
import { FilterScreen } from "./filter";
import { FiltersScreen } from "./filters";
import { HomeScreen } from "./home";
import { JobsScreen } from "./jobs";
import { LiveScreen } from "./live";
import { PublishScreen } from "./publish";
import { SettingsScreen } from "./settings";

/** The screen that the address names. */
export function Screen({ unknown }: { unknown: ComponentChildren }) {
  const [area = "", id, rest] = route.value.path;
  if (rest === undefined) {
    if (id === undefined) {
      switch (area) {
        case "": return <HomeScreen />;
        case "live": return <LiveScreen />;
        case "events": return <EventsScreen />;
        case "publish": return <PublishScreen />;
        case "endpoints": return <EndpointsScreen />;
        case "new-endpoint": return <NewEndpointScreen />;
        case "filters": return <FiltersScreen />;
        case "new-filter": return <FilterScreen id={null} />;
        case "deliveries": return <DeliveriesScreen />;
        case "jobs": return <JobsScreen />;
        case "changes": return <ChangesScreen />;
        case "settings": return <SettingsScreen />;
      }
    } else {
      switch (area) {
        case "events": return <EventScreen id={id} />;
        case "endpoints": return <EndpointScreen id={id} />;
        case "filters": return <FilterScreen id={id} />;
        case "deliveries": return <DeliveryScreen id={id} />;
      }
    }
  }
  return <>{unknown}</>;
}
