"""Settings of work: a workshop, an office, a farm, a ship or railway."""

from __future__ import annotations

from lab.train.answering.papers.setting import setting

WORKSHOP = setting(
    "workshop",
    roles="""foreman; storekeeper; welder; apprentice; master carpenter; bookkeeper; upholsterer;
    glazier; safety inspector; van driver; estimator; watchmaker; tool grinder; painter; shop
    steward; saddler""",
    bodies="""works choir; tool library; joiners' guild; bicycle cooperative; repair café; potters'
    circle; staff savings club""",
    actors="""apprentices; customers; visitors to the workshop; night workers; drivers; trainees;
    outside firms; volunteers""",
    fees="""call-out charge=25-120; hourly rate=18-95; estimate fee=10-60; collection charge=8-70;
    storage fee=3-30; disposal charge=5-45; price of a full service=40-320; surcharge for express
    work=15-140; bench rent=30-210; price of a new blade=9-75""",
    events="""stocktaking; safety training; open workshop; machine inspection; trade fair; delivery
    of timber; apprentices' examination; sale of seconds; fire drill""",
    tasks="""collect the repaired bicycle; approve the estimate; return the borrowed drill; report
    the hours worked; pay the invoice; hand in the drawings; order steel; book a bench; claim under
    the guarantee; clear out the lockers""",
    acts="""use the lathe; wear gloves at the drill; take offcuts home; park in the yard; work
    alone at night; operate the crane; listen to the radio; borrow hand tools; bring children in;
    mix paint; repair their own cars; enter the spray booth; drive the forklift""",
    offences="""leave a machine running; work without goggles; lose a tool; block the loading bay;
    smoke near the solvents; clock in for a friend; leave the kiln unwatched; mix up the labels;
    overload the hoist""",
    things="""torque wrench; spirit level; jigsaw; glue press; air hose; soldering iron; oil can;
    bench vice; sack barrow; dust mask box; belt sander; master key""",
    spots="""in the tool room; on the red shelf; under the workbench; beside the kiln; in the yard
    shed; in the foreman's drawer; behind the compressor; in cabinet four; over the lathe; in the
    van; by the loading bay""",
    topics="""guarantees; spare parts; deliveries; invoices; holiday requests; safety;
    apprenticeships; custom orders; broken machines; the bonus scheme""",
    outcomes="""the lathe|was|sold; the order|was|cancelled; the kiln|was|relined; the
    shift|was|cut short; the invoice|was|corrected; the doors|were|widened; the
    chairs|were|repainted; the bench saw|was|switched off""",
    reasons="""the guard was missing; the customer had moved abroad; bricks had cracked; the power
    had failed; the hours had been added wrongly; the new press was too broad; the varnish had
    peeled; a bearing smelt of burning; parts were no longer made""",
    duties="""sharpen the chisels; sweep up the shavings; oil the machines; order the screws;
    answer the telephone; stack the timber; load the kiln; check the goggles; write the estimates;
    drive the van""",
    deeds="""restored the rocking chair; repaired the church clock; ordered new blades; trained two
    apprentices; designed the shelf; checked the brakes; won the trade prize; sketched the gate;
    delivered the wardrobe""",
    terms="""working day=any day from Monday to Friday that is not a public holiday; rush job=work
    promised within two days; seconds=goods with a flaw that does not affect their use; wear
    parts=brake pads, chains and tyres; regular customer=someone who has placed four orders in a
    year; unclaimed goods=repaired goods not collected within ninety days""",
    steps="""check the drawing; sharpen the blade; clamp the board; mark the joints; drill the
    holes; glue the parts; sand the edges; oil the wood; fit the handles; wrap the piece""",
    hazards="""a machine jams=the main switch is turned off; goods are not collected=they are sold
    after ninety days; the estimate is exceeded=the customer is asked first; someone is hurt=the
    foreman is called at once; a tool is lost=its price is deducted; solvent is spilt=all doors are
    opened; a part is out of stock=an equal one is fitted""",
    limits="""people at the kiln=1-4; kilograms on the hoist=80-900; bicycles taken in each
    day=3-25; apprentices per master=1-4; hours of overtime each week=2-12; pots in one
    firing=20-120""",
    fillers="""The workshop smells of beeswax.; All prices include tax.; Thank you for your order.;
    The radio is older than the foreman.; We have been here since 1931.; Goods remain ours until
    they are paid for.; Mind the step at the entrance.; The bell rings at noon.""",
)

OFFICE = setting(
    "office",
    roles="""managing director; receptionist; payroll clerk; data protection officer; head of
    sales; personnel officer; accountant; interpreter; fire marshal; chief engineer; archivist;
    legal adviser; press spokesperson; auditor; IT technician; purchasing agent""",
    bodies="""works council; pension fund; audit committee; staff choir; canteen committee;
    training fund; chess circle""",
    actors="""employees; interns; contractors; part-time staff; managers; visitors; employees on
    probation; pensioners""",
    fees="""monthly salary=1200-6800; travel allowance=40-380; Christmas bonus=150-2200; meal
    voucher=3-14; relocation grant=500-6000; consultancy fee=300-9000; training budget=200-4500;
    licence fee=60-1800; parking charge=15-120; signing bonus=400-5000""",
    events="""staff meeting; summer outing; audit; product launch; works council election; training
    day; board meeting; job interview; office move; retirement party""",
    tasks="""hand in the timesheet; apply for leave; return the laptop; sign the contract; submit
    the tender; nominate a colleague; file the tax form; reply to the survey; claim travel costs;
    update the address list""",
    acts="""work from home; take a second job; use the company car on holiday; print private
    letters; eat at their desks; carry over holiday; wear shorts; record meetings; bring a bicycle
    upstairs; install software; speak to the press; leave early on Fridays; swap shifts""",
    offences="""lose an access badge; leave a screen unlocked; park in the director's space; book a
    room and not use it; forget to log off; let a stranger in; return the car with an empty tank;
    miss the safety talk""",
    things="""projector; access badge; shredder; petty cash box; contract folder; label printer;
    visitor list; first-aid case; spare laptop; franking machine; key to the archive; water
    filter""",
    spots="""at reception; in room 204; in the basement archive; next to the copier; in the grey
    cabinet; on the third floor; in the post room; in the safe; behind the coffee machine; in the
    drawer of the front desk""",
    topics="""payroll; holidays; parking; the pension scheme; the network; contracts; travel
    bookings; complaints; training; expenses; the canteen""",
    outcomes="""the meeting|was|put back; the branch|was|closed; the contract|was|not renewed; the
    bonus|was|doubled; the server|was|replaced; the tender|was|withdrawn; the canteen|was|enlarged;
    the office|was|evacuated""",
    reasons="""the chairman had missed the train; the lease had run out; deliveries were always
    late; the order book was full; a disk had failed; the costs had been underestimated; queues
    were too long; a smell of gas was noticed; half the staff were ill""",
    duties="""open the post; order the paper; book the rooms; update the website; check the
    invoices; greet the visitors; back up the files; train the newcomers; keep the minutes; water
    the palms""",
    deeds="""negotiated the contract; presented the figures; designed the logo; interviewed six
    candidates; found the mistake; welcomed the guests; resigned in June; visited the plant in
    Oulu; drafted the reply""",
    terms="""core hours=the time between ten and three; working week=thirty-seven hours from Monday
    to Friday; confidential papers=all papers with a red stamp; near relative=a spouse, a parent or
    a child; business trip=any journey of more than forty miles for the firm; shift worker=an
    employee who works at least four nights a month; start date=the first day of paid work""",
    steps="""fill in the form; get a signature; scan the receipt; send the file; wait for the
    number; print the label; call the courier; book the entry; archive the copy; inform the
    auditor""",
    hazards="""an employee falls ill=the office must be told before nine; a badge is lost=it is
    blocked at once; the deadline is missed=the claim lapses; no quorum is reached=the vote is
    repeated; a contract is ended early=the grant is paid back; the alarm rings=the lifts may not
    be used; an invoice is late=interest is charged""",
    limits="""people in the meeting room=6-40; days of leave carried over=2-10; nights per business
    trip=2-14; visitors per badge=1-4; pages in an application=2-20; interns per department=1-5""",
    fillers="""This replaces all earlier versions.; The lifts will be out of use on Sunday.; Coffee
    will be served.; The figures are provisional.; Copies have gone to all departments.; We thank
    you for your patience.; The parties have read this and agree.; No other agreements have been
    made.""",
)

FARM = setting(
    "farm",
    roles="""farm manager; shepherd; dairy hand; tractor driver; forester; miller; gamekeeper; vet;
    cheesemaker; fruit picker; stable hand; blacksmith; water bailiff; stud groom; egg packer;
    cider maker""",
    bodies="""sheep breeders' society; wine cooperative; beekeepers' union; riding club; drainage
    board; seed library; anglers' club""",
    actors="""campers; riders; pickers; walkers; farm hands; neighbours; school parties;
    anglers""",
    fees="""grazing rent=60-900; stud fee=80-1400; livery charge=90-520; price of a lamb=40-190;
    hire of the baler=50-400; milk price=20-60; fishing permit=6-48; camping fee=5-32; pressing
    charge=3-24; hay price=15-120""",
    events="""sheep shearing; apple day; cattle auction; lambing weekend; grape harvest;
    hedge-laying course; milk inspection; riding competition; pig fair""",
    tasks="""register the lambs; order seed potatoes; collect the hay; repair the boundary fence;
    vaccinate the calves; bring in the beehives; pay for the grazing; empty the slurry tank; book
    the shearer""",
    acts="""light a fire; pick fallen fruit; ride through the wood; let dogs off the lead; fish in
    the millpond; pitch a tent in the orchard; feed the horses; cross the bull field; cut firewood;
    gather mushrooms; swim in the reservoir; fly drones; take eggs""",
    offences="""leave a gate open; chase the sheep; trample the barley; tie a horse to the fence;
    pick unripe pears; drive on the wet meadow; catch undersized trout; leave rubbish at the pond;
    scare the geese""",
    things="""milk churn; hay fork; seed drill; saddle soap; shearing machine; fence tester; cider
    press; bee smoker; salt lick; halter; egg scale; rat trap""",
    spots="""in the barn; in the tack room; at the mill; behind the hen house; in the dairy; under
    the lean-to; in the loft; beside the trough; in the cart shed; in the old stable; on the
    granary steps""",
    topics="""the grazing; the milk lorry; hay sales; the footpath; loose animals; camping; the
    harvest supper; riding lessons; fishing permits""",
    outcomes="""the auction|was|cancelled; the herd|was|sold; the orchard|was|fenced; the
    pond|was|drained; the bull|was|moved; the harvest|was|delayed; the wood|was|closed; the
    geese|were|penned in""",
    reasons="""foot rot had broken out; the farmer was retiring; deer had eaten the bark; the dam
    leaked; a walker had been hurt; the combine had broken down; trees were being felled; a fox had
    been seen; the hay was still damp""",
    duties="""milk the goats; feed the hens; muck out the stables; check the fences; turn the hay;
    drive the tractor; prune the vines; gather the eggs; mend the nets; lock up the geese""",
    deeds="""delivered the calf; sheared ninety sheep; planted the hedge; lost a boot in the mud;
    bought the grey mare; mended the weir; counted the flock; sold the hay; cured the old cow""",
    terms="""livestock=cattle, sheep, goats and horses; wet season=the months from November to
    March; boundary ditch=the ditch along the north side of the lane; windfall=fruit that lies on
    the ground; breeding ewe=a ewe that has lambed at least once; heavy vehicle=any vehicle over
    three tonnes; common=the meadow between the mill and the road""",
    steps="""open the hives; fill the trough; harness the mare; spread the straw; feed the calves;
    strain the milk; weigh the cheese; turn the hay; shut the sluice; close the hen house""",
    hazards="""an animal escapes=its owner pays for the damage; the river floods=the sheep are
    driven to the upper field; the rent is unpaid at Michaelmas=the grazing right ends; a ewe is
    sick=she is kept apart; frost is forecast=the vines are covered; the well runs dry=water is
    taken from the mill; a dog chases sheep=it may be shot""",
    limits="""sheep on the common=20-300; tents in the orchard=4-35; trout per permit=1-8; horses
    in the stables=5-28; hives in one place=3-24; riders in a group=3-12""",
    fillers="""The lane is muddy in winter.; It was a good year for plums.; Please shut all gates.;
    The barn was roofed anew.; Swallows are nesting in the porch.; The valley is quiet at this time
    of year.; Dogs are a worry to the sheep.; The cider turned out well.""",
)

TRAVEL = setting(
    "travel",
    roles="""captain; first mate; purser; tour guide; ship's doctor; stationmaster; chief steward;
    radio officer; harbour master; conductor; pilot; lighthouse keeper; ticket inspector;
    quartermaster; mountain guide; signal engineer""",
    bodies="""seamen's union; pilots' guild; hostel association; mountain rescue; railway society;
    ferry company; canal trust""",
    actors="""passengers; day visitors; cyclists; children travelling alone; crew members; foot
    passengers; season ticket holders; hostel guests""",
    fees="""single fare=4-90; supplement for a berth=12-140; bicycle ticket=3-22; luggage
    charge=4-38; mooring fee=8-75; visa fee=20-160; price of the day trip=15-210; seat
    reservation=2-18; guide's fee=60-420; car transport=30-260""",
    events="""boarding; lifeboat drill; captain's dinner; guided walk; departure of the coach;
    sunset cruise; briefing; border control; arrival at the hut""",
    tasks="""confirm the cabin; hand in the passports; book the return journey; cancel the tour;
    leave the cabin; register bicycles; apply for the visa; pay the balance; collect the
    tickets""",
    acts="""take bicycles on board; break the journey; change cabins; enter the engine room; smoke
    on the upper deck; bring small dogs; use the sauna; sleep in the lounge; take photographs of
    the bridge; leave the group; carry camping gas; open the windows; stand in the aisle""",
    offences="""travel without a ticket; pull the emergency cord; miss the boarding time; leave
    luggage in the aisle; lose the cabin key; feed the gulls; cross the tracks; speak to the
    driver; drop litter overboard""",
    things="""life jacket; signal lamp; logbook; cabin key; sleeping bag; sea chart; medicine
    chest; flare gun; folding stretcher; passenger list; compass; megaphone""",
    spots="""on the bridge; in the luggage van; in the chart room; at the ticket office; under the
    lower berth; in the guard's compartment; on the boat deck; in the front carriage; beside the
    gangway; in the galley; at the pier""",
    topics="""lost luggage; refunds; connections; seasickness; group tickets; bicycles; meals on
    board; visas; wheelchairs; delays""",
    outcomes="""the ferry|was|delayed; the tour|was|cut short; the train|was|diverted; the
    harbour|was|closed; the passengers|were|woken early; the bridge|was|closed to coaches; the
    anchor|was|dropped; the crew|were|paid twice""",
    reasons="""fog lay on the strait; a landslide had blocked the line; the guide had sprained an
    ankle; a mast had come down; the tide would not wait; two arches had cracked; the engine had
    overheated; the cargo was saved; ice was drifting in""",
    duties="""check the tickets; keep the log; ring the ship's bell; carry the luggage; inspect the
    lifeboats; wake the passengers; stamp the passports; wash the decks; light the lamp; cook for
    the crew""",
    deeds="""steered through the ice; sold the last ticket; pointed out the glacier; treated the
    sick sailor; found the lost child; missed the boat; reported the leak; handed out blankets;
    counted the passengers""",
    terms="""off-peak=any time after half past nine on working days; child=a passenger under
    fourteen; hand luggage=one bag of at most eight kilograms; night train=any train that leaves
    after eight in the evening; short stay=a mooring of less than four hours; group=ten or more
    people on one ticket; connection=a change of trains within an hour""",
    steps="""show the ticket; weigh the luggage; cross the gangway; find the cabin; stow the bags;
    attend the drill; cast off; round the lighthouse; anchor in the bay; go ashore""",
    hazards="""the ferry is cancelled=the fare is returned in full; a passenger is late=the coach
    does not wait; luggage is lost=up to six hundred pounds is paid; the alarm sounds seven
    times=everyone goes to the boat deck; the pass is snowed up=the group returns to the hut; a
    ticket is lost=a new one must be bought; a passport is missing=boarding is refused""",
    limits="""passengers on the upper deck=20-160; bicycles per train=4-24; kilograms of
    luggage=10-40; people in a cabin=2-6; walkers in a group=5-18; dogs on board=1-8""",
    fillers="""The view from the deck is splendid.; Breakfast is served on board.; The crossing was
    calm.; Please keep this sheet with your ticket.; Times may change without notice.; Wear stout
    shoes.; The company wishes you a pleasant journey.; Gulls followed the ship.""",
)
