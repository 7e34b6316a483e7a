"""A small legal world: one programme, two member municipalities and one outside, one network, one
round, and trials brought step by step to any state. Every event has an id of its own; whoever
needs an illegal one changes a copy."""
import copy

GOVERNMENT, PARLIAMENT, MINISTRY = "/dk/regering", "/dk/folketing", "/dk/ministerium/indenrig"
NETWORK, MUNICIPALITY, OTHER = "/dk/netvaerk/net", "/dk/kommune/0101", "/dk/kommune/0151"
EVALUATOR, PRESS = "/dk/evaluator/vive", "/dk/presse/avis"
MEMBERS, OUTSIDER = ["0101", "0151"], "0157"
# What is done to a trial, in this order; a step that changes the state is named after the new one.
STEPS = (
    "submitted screened endorsed approved charters baseline target plan running measured completed "
         "evaluated assessed").split()


def changed(event, **changes):
    """A copy with members changed; `data` is merged, and None takes a field of it away."""
    made = copy.deepcopy(event)
    for key, value in changes.items():
        if key == "data":
            made["data"].update(value)
            made["data"] = {k: v for k, v in made["data"].items() if v is not None}
        else:
            made[key] = value
    return made


def without(event, *names):
    """A copy without some of its members."""
    return {k: copy.deepcopy(v) for k, v in event.items() if k not in names}


class World:
    """Makes the events of one programme."""

    def __init__(self, programme="w1"):
        self.programme, self.count = programme, 0

    def event(self, kind, subject, time, source, /, **data):
        self.count += 1
        return {"id": f"{self.programme}-{self.count:05}", "source": source, "type": kind,
                "subject": subject,
                "time": time, "data": data}

    def about_programme(self, kind, time, source, /, **data):
        return self.event(kind, f"programme/{self.programme}", time, source, **data)

    def about_network(self, kind, time, source, /, **data):
        return self.event(kind, f"network/{self.programme}-net", time, source, **data)

    def activity(self, case="c1", time="2020-01-01T00:00:00Z", **data):
        """An event that no rule forbids."""
        return self.event("activity.completed", f"case/{self.programme}-{case}", time, PRESS,
                          **{"activity": "noted", **data})

    def activities(self, count, **data):
        return [self.activity(**data) for _ in range(count)]

    def opened(self, **data):
        return self.about_programme("programme.opened", "2016-01-01T08:00:00Z", MINISTRY, **{
            "title": "Small", "periodFrom": "2016-01-01", "periodTo": "2020-12-31", **data})

    def agreed(self):
        return self.about_programme("programme.agreed", "2015-07-01T08:00:00Z", GOVERNMENT,
                                    title="Small",
                                    parties=["Regeringen", "KL"], agreement="Aftale")

    def registered(self, code, time="2015-08-01T08:00:00Z"):
        return self.event("municipality.registered", f"municipality/{code}", time, MINISTRY,
                          code=code,
                          name=f"Kommune {code}", region="Region")

    def applied(self):
        return self.about_network("network.applied", "2016-02-01T08:00:00Z", NETWORK,
                                  programme=self.programme,
                                  name="Net", theme="Bolig", members=list(MEMBERS))

    def appointed(self):
        return self.about_network("network.appointed", "2016-03-01T08:00:00Z", GOVERNMENT,
                                  programme=self.programme,
                                  name="Net", theme="Bolig", decidedBy="Regeringen")

    def joined(self, code):
        return self.about_network("network.member-joined", "2016-03-02T08:00:00Z", MINISTRY,
                                  municipality=code)

    def round_opened(self, number=1):
        return self.about_programme("round.opened", "2016-03-03T08:00:00Z", MINISTRY, round=number,
                                    opensOn="2016-04-01", deadline="2016-12-31")

    def foundation(self):
        """All that must be there before the first application."""
        return [self.agreed(), self.opened(), *(self.registered(c) for c in (*MEMBERS, OUTSIDER)),
                self.applied(),
                self.appointed(), *(self.joined(c) for c in MEMBERS), self.round_opened()]

    def about_trial(self, kind, number, time, source, /, **data):
        return self.event(kind, f"trial/{self.programme}-{number:03}", time, source, **data)

    def exemption(self, number=1):
        return {"exemptionId": f"{self.programme}-{number:03}-e1", "act": "Planloven",
                "section": "§ 1",
                "ministry": "Indenrigsministeriet", "effect": "exempt", "validFrom": "2017-04-01",
                "validTo": "2021-12-31"}

    def step(self, name, number=1):
        """The events of one step of a trial."""
        t = self.about_trial
        if name == "submitted":
            return [t("application.submitted", number, "2016-05-01T08:00:00Z", NETWORK,
                      programme=self.programme,
                      network=f"{self.programme}-net", round=1, title=f"Trial {number}",
                      participants=list(MEMBERS),
                      requestedExemptions=[{"act": "Planloven",
                                            "ministry": "Indenrigsministeriet"}],
                      route="new-act")]
        if name == "screened":
            return [t("application.screened", number, "2016-06-01T08:00:00Z", MINISTRY,
                      ministry="M", result="pass",
                      checks=dict.fromkeys(("constitution", "euLaw", "economicAdvantage",
                                            "legalSecurity"), "pass"))]
        if name == "endorsed":
            return [t("application.endorsed", number, "2017-02-01T08:00:00Z", GOVERNMENT,
                      decidedBy="Regeringen")]
        if name == "approved":
            return [t("trial.approved", number, "2017-03-01T08:00:00Z", MINISTRY,
                      ministry="Indenrigsministeriet",
                      legalBasis={"form": "order", "title": "Bekendtgørelse"},
                      exemptions=[self.exemption(number)],
                      participants=list(MEMBERS), plannedStart="2017-06-01",
                      plannedEnd="2019-12-31")]
        if name == "charters":
            return [t("trial.charter-published", number, "2017-04-01T08:00:00Z", f"/dk/kommune/{c}",
                      municipality=c)
                    for c in MEMBERS]
        return self.later_step(name, number)

    def later_step(self, name, number):
        t = self.about_trial
        report = {"evaluationId": f"{self.programme}-ev-{number:03}", "mode": "internal",
                  "evaluator": "Netværket"}
        indicator = {"indicator": "Ventetid", "unit": "dage"}
        if name == "baseline":
            return [t("baseline.recorded", number, "2017-04-10T08:00:00Z", MUNICIPALITY, value=10,
                      asOf="2017-04-01",
                      **indicator)]
        if name == "target":
            return [t("target.set", number, "2017-04-11T08:00:00Z", NETWORK, value=5,
                      direction="down",
                      dueBy="2019-12-31", **indicator)]
        if name == "plan":
            return [t("evaluation.planned", number, "2017-04-12T08:00:00Z", NETWORK,
                      dueBy="2020-06-30", **report)]
        if name == "running":
            return [t("trial.started", number, "2017-06-01T08:00:00Z", NETWORK,
                      startedOn="2017-06-01",
                      participants=list(MEMBERS))]
        if name == "measured":
            return [t("measurement.recorded", number, "2019-11-01T08:00:00Z", MUNICIPALITY,
                      value=4.5, final=True,
                      asOf="2019-10-31", **indicator)]
        if name == "completed":
            return [t("trial.completed", number, "2019-12-01T08:00:00Z", NETWORK,
                      completedOn="2019-12-01")]
        if name == "evaluated":
            return [t("evaluation.published", number, "2020-05-01T08:00:00Z", NETWORK, kind="final",
                      conclusion="positive", recommendsSpread=True, **report)]
        return [t("assessment.made", number, "2020-09-01T08:00:00Z", GOVERNMENT, outcome="spread",
                  decidedBy="Regeringen")]

    def trial(self, until, number=1, leave_out=()):
        """The events that bring a trial to a step, that step included."""
        wanted = STEPS[:STEPS.index(until) + 1]
        return [e for name in wanted if name not in leave_out for e in self.step(name, number)]
