/* notes.h - what is given before a rule is asked: the life of one small programme, step by step. */
#ifndef TESTS_NOTES_H
#define TESTS_NOTES_H

/* Programme p1 with three municipalities, one of them alone, and network n1 of the other two. */
#define MUNICIPALITIES                                                                             \
    "municipality.registered municipality/0101 M 2016-01-01 code=0101 name=A\n"                    \
    "municipality.registered municipality/0102 M 2016-01-01 code=0102 name=B\n"                    \
    "municipality.registered municipality/0103 M 2016-01-01 code=0103 name=C\n"
#define AGREED "programme.agreed programme/p1 G 2015-07-03\n"
#define OPENED                                                                                     \
    "programme.opened programme/p1 M 2016-01-15 periodFrom=2016-01-15 periodTo=2019-12-31\n"
#define ROUND "round.opened programme/p1 M 2016-10-10 opensOn=2016-10-10 deadline=2016-12-01\n"
#define ALONE                                                                                      \
    "programme.opened programme/p2 M 2016-01-15 periodFrom=2016-01-15 periodTo=2019-12-31 "        \
    "organisedIn=municipalities\n"                                                                 \
    "municipality.appointed municipality/0103 G 2016-02-01 programme=p2\n"
#define NETWORK_APPLIED "network.applied network/n1 N 2016-05-01 members=0101,0102\n"
#define NETWORK                                                                                    \
    NETWORK_APPLIED "network.appointed network/n1 G 2016-10-10\n"                                  \
                    "network.member-joined network/n1 M 2016-10-10 municipality=0101\n"            \
                    "network.member-joined network/n1 M 2016-10-10 municipality=0102\n"
#define WORLD MUNICIPALITIES AGREED OPENED ROUND NETWORK

/* Trial t1 of that network, one step after the other. */
#define SUBMITTED                                                                                  \
    WORLD "application.submitted trial/t1 N 2016-11-01 network=n1 participants=0101,0102 "         \
          "round=1\n"
#define SCREENED SUBMITTED "application.screened trial/t1 M 2016-12-10\n"
#define SCREENED_FAILED                                                                            \
    SUBMITTED "application.screened trial/t1 M 2016-12-10 result=fail checks.euLaw=fail\n"
#define ENDORSED SCREENED "application.endorsed trial/t1 G 2017-02-01\n"
#define APPROVED                                                                                   \
    ENDORSED                                                                                       \
    "trial.approved trial/t1 M 2017-03-01 participants=0101,0102 plannedEnd=2018-12-31 "           \
    "exemptions.validFrom=2017-04-01 exemptions.validTo=2018-12-31\n"
#define CHARTERS                                                                                   \
    "trial.charter-published trial/t1 K0101 2017-04-10 municipality=0101\n"                        \
    "trial.charter-published trial/t1 K0102 2017-04-10 municipality=0102\n"
#define MEASURABLE                                                                                 \
    "baseline.recorded trial/t1 K 2017-04-11\n"                                                    \
    "target.set trial/t1 N 2017-04-12\n"
#define PLANNED "evaluation.planned trial/t1 N 2017-04-13 dueBy=2018-12-31\n"
#define START "trial.started trial/t1 N 2017-05-01 participants=0101,0102\n"
#define RUNNING APPROVED CHARTERS MEASURABLE PLANNED START
#define SUSPENDED RUNNING "trial.suspended trial/t1 N 2017-09-01\n"
#define COMPLETED RUNNING "trial.completed trial/t1 N 2018-10-01\n"
#define FINAL "evaluation.published trial/t1 N 2018-11-01 kind=final\n"
#define EVALUATED COMPLETED FINAL
#define ASSESSED EVALUATED "assessment.made trial/t1 G 2018-12-01\n"
#define ABANDONED APPROVED "trial.abandoned trial/t1 N 2017-04-20 stage=approved\n"
#define LAPSED APPROVED "exemption.expired trial/t1 M 2018-12-31 validTo=2018-12-31\n"
#define WITHDRAWN SUBMITTED "application.withdrawn trial/t1 N 2016-11-10\n"
#define REJECTED SUBMITTED "application.rejected trial/t1 G 2016-11-10\n"

#endif
