"""Settings at home and among neighbours: a house, a village hall, a club, a family, a kitchen."""

from __future__ import annotations

from lab.train.answering.papers.setting import setting

HOUSE = setting(
    "house",
    roles="""caretaker; managing agent; plumber; electrician; night porter; window cleaner;
    gardener; chimney sweep; fire warden; locksmith; boiler engineer; lift inspector; decorator;
    cleaner; recycling officer; roofer""",
    bodies="""residents' association; garden group; parking panel; house committee; heating group;
    noise panel""",
    actors="""tenants; subtenants; overnight guests; residents of the top floor; visitors; lodgers;
    residents with a parking permit; delivery drivers""",
    fees="""monthly rent=480-2400; security deposit=500-3600; parking fee=20-140; laundry
    charge=2-12; heating charge=60-240; key replacement fee=15-90; cleaning fee=40-220; storage
    charge=10-70; viewing fee=5-45; administration fee=25-150""",
    events="""residents' meeting; boiler inspection; handover of the flat; meter reading; fire
    drill; courtyard party; spring clean; chimney check; roof survey; final viewing""",
    tasks="""return all keys; report the meter readings; name a new subtenant; empty the cellar;
    sign the inventory; pay the service charge; clear the balcony; register a bicycle; object to
    the repairs; hand in the cleaning receipts""",
    acts="""keep a dog; sublet a room; hang pictures on the walls; paint the front door; use the
    roof terrace; store bicycles in the hallway; grill on the balcony; put up a satellite dish; run
    the washing machine; keep rabbits; change the locks; rent out the parking space; play the
    piano; dry laundry in the courtyard; install an air conditioner; feed the pigeons""",
    offences="""leave the gate unlocked; block the fire escape; lose a laundry token; dump
    furniture in the yard; park on the lawn; smoke in the stairwell; prop the front door open; pour
    oil down the sink; ignore the quiet hours; overfill the bins""",
    things="""spare key; ladder; fuse box key; snow shovel; fire extinguisher; stopcock; tool
    chest; first-aid box; hand truck; meter cupboard key; garden hose; intercom manual""",
    spots="""in the boiler room; behind the cellar door; under the main stairs; on the second
    landing; in the caretaker's cupboard; next to the letter boxes; in the bicycle shed; beside the
    lift; in the attic; above the electricity meter; in the porch; by the back gate""",
    topics="""the heating; lost keys; noise at night; the lift; damp walls; parking permits; the
    garden plots; parcels; the intercom; waste collection; the laundry room""",
    outcomes="""the lift|was|shut down; the hot water|was|turned off; the courtyard|was|closed; the
    rent|was|reduced; the inspection|was|postponed; the cellar|was|locked; the laundry
    room|was|emptied; the front steps|were|taken away""",
    reasons="""a cable had snapped; the boiler had burst; rats had been seen; the pump was too
    loud; a water pipe had frozen; the inspector was ill; someone had broken the lock; mould had
    spread; the insurers had asked for it; a wall had begun to lean""",
    duties="""sweep the stairs; water the courtyard plants; put out the bins; read the meters; lock
    the gate at night; change the light bulbs; clear the snow; test the smoke alarms; sort the
    parcels; clean the entrance; oil the hinges""",
    deeds="""opened the meeting; measured every room; complained about the noise; found the leak;
    checked the inventory; lent a ladder; took the photographs; repaired the doorbell; counted the
    keys; wrote the notice""",
    terms="""quiet hours=the time between ten at night and seven in the morning; common parts=the
    stairs, the hallway and the courtyard; fixtures=everything that is screwed to a wall; long
    guest=a visitor who stays more than ten nights; minor repair=any repair that costs less than
    eighty pounds; permit holder=a person whose car is entered in the house register; heating
    season=the months from October to April; outbuilding=any shed or garage on the plot""",
    steps="""turn off the water; switch off the electricity; close every window; read the meter;
    wipe the fridge; lock the balcony door; drop the keys in the box; sign the list; empty the
    bins; check the radiators""",
    hazards="""a key is lost=the lock is replaced at the tenant's cost; the rent is late twice=the
    lease may be ended; a pipe bursts=the caretaker must be called at once; the smoke alarm
    sounds=everyone leaves by the back stairs; a window is broken=the tenant pays for the glass; no
    one collects a parcel=it goes back after a week; the boiler fails=heaters are lent out free of
    charge""",
    limits="""people in the lift=3-9; bicycles in the shed=8-40; guests at a courtyard party=12-60;
    pets in each flat=1-3; cars in the yard=2-14; nights that a guest may stay=3-21""",
    fillers="""The stairwell was painted last autumn.; A copy of this paper hangs in the hall.; The
    building dates from before the war.; Please read this carefully.; Neighbours are asked to be
    considerate.; The old notice is no longer valid.; The courtyard looks its best in May.; Our
    thanks go to everyone who helped with the move.""",
)

HALL = setting(
    "hall",
    roles="""churchwarden; organist; bell-ringer; parish clerk; hall keeper; treasurer; sexton;
    flower arranger; minute-taker; youth leader; choir director; footpath officer; crossing guard;
    village archivist; harvest steward; postmaster""",
    bodies="""bell-ringers' guild; hall committee; flower committee; youth club; footpath group;
    choir; village archive""",
    actors="""hirers; villagers; children under ten; stallholders; choir members; outside groups;
    people with dogs; caravan owners""",
    fees="""hire charge=20-180; stall fee=5-60; key deposit=10-100; heating supplement=4-40;
    kitchen charge=8-75; grave plot fee=120-900; piano tuning bill=60-190; fete entry fee=1-9; roof
    appeal target=4000-90000; crockery charge=5-30""",
    events="""harvest supper; annual parish meeting; flower festival; carol service; jumble sale;
    barn dance; bell-ringing practice; church fete; ploughing match; quiz night; well dressing""",
    tasks="""book a stall; return the hall keys; enter the cake contest; name a candidate; hand in
    raffle prizes; sign up for the coach; collect the chairs; order poppy wreaths; object to the
    new footpath; send in recipes for the village book""",
    acts="""serve wine; put up a marquee; use the kitchen; light candles; bring dogs into the hall;
    play amplified music; stick posters to the walls; ring the bells; park on the green; move the
    piano; stay overnight; fly kites from the tower; sell home-made jam; collect money at the
    door""",
    offences="""leave the heating on; break a plate; return the key late; block the lychgate; drop
    litter on the green; scratch the dance floor; let dogs into the churchyard; take down the
    bunting; ring the bell for fun; damage a chair""",
    things="""tea urn; trestle table; hall piano key; collection box; folding screen; projector;
    bell rope; visitors' book; raffle drum; tablecloth box; microphone; stage curtain""",
    spots="""in the vestry; under the stage; behind the organ; in the kitchen dresser; at the post
    office; in the bell tower; in the cloakroom; on the gallery; in the porch chest; next to the
    noticeboard; in the old schoolroom""",
    topics="""hall bookings; the churchyard; flower rotas; the footpaths; the roof appeal; bell
    practice; the allotments; stalls at the fete; the war memorial; lost property; the village
    minibus""",
    outcomes="""the fete|was|moved indoors; the bells|were|silenced; the supper|was|cancelled; the
    footpath|was|closed; the hall|was|repainted; the service|was|shortened; the
    procession|was|rerouted; the yew tree|was|felled""",
    reasons="""the field was flooded; the rope had frayed; the cooks had caught influenza; a bull
    was loose; the plaster had crumbled; the bishop was delayed; the bridge was under repair; its
    roots had lifted the wall; too few tickets were sold""",
    duties="""arrange the flowers; wind the clock; polish the brass; set out the chairs; mow the
    churchyard; print the newsletter; brew the tea; ring the bell; count the collection; lock the
    hall; run the raffle""",
    deeds="""read the lesson; proposed a toast; painted the banner; thanked the helpers; judged the
    marrows; carved the lychgate; led the singing; lent the marquee; spoke about the drains; drew
    the raffle""",
    terms="""resident=anyone who has slept in the parish for ninety nights; small hire=a booking of
    fewer than three hours; village group=a club with at least ten members from the parish;
    festival week=the seven days before the first Sunday in June; charity stall=a stall that gives
    all its takings away; key holder=a person who has signed the key book; late booking=one made
    less than four days ahead""",
    steps="""open the shutters; switch on the urn; set out the tables; ring the bell; light the
    candles; count the money; stack the chairs; sweep the floor; take down the bunting; lock the
    vestry""",
    hazards="""it rains=the fete moves into the barn; the key is not returned=the deposit is kept;
    a fuse blows=hirers must call the hall keeper; fewer than six people sign up=the coach is
    cancelled; a plate is broken=its price is added to the bill; the band cannot come=the choir
    will sing instead; a booking is cancelled within a week=half the charge is due""",
    limits="""people in the hall=60-240; stalls on the green=12-70; cakes per entrant=1-4; hours of
    a single hire=2-9; singers in the gallery=8-30; candles on the altar=2-12""",
    fillers="""The weather was kind to us.; There was tea afterwards.; The hall was built by
    subscription.; Parking is behind the inn.; A good time was had by all.; The clock has been
    mended at last.; Many people stayed until dusk.; Please share this page with your
    neighbours.""",
)

CLUB = setting(
    "club",
    roles="""president; secretary; treasurer; membership officer; equipment officer; coach; umpire;
    groundsman; social secretary; webmaster; safety officer; kit manager; fixtures secretary;
    librarian; scorer; press officer; captain""",
    bodies="""rowing section; chess section; juniors; climbing section; finance committee; ladies'
    team; walking group; veterans' team""",
    actors="""junior members; full members; guests; honorary members; lapsed members; visiting
    teams; spectators; beginners""",
    fees="""annual subscription=20-480; joining fee=10-150; locker rent=5-60; court fee=4-28; boat
    hire=6-75; guest fee=2-25; tournament fee=8-90; late payment charge=2-40; coaching fee=10-65;
    insurance levy=5-55""",
    events="""annual general meeting; club dinner; open day; regatta; junior trials; committee
    meeting; work party; prize-giving; night hike; chess tournament; welcome evening""",
    tasks="""renew the subscription; enter the tournament; return borrowed kit; propose a
    candidate; book the minibus; choose a menu; submit expenses; register a boat; pay for the
    dinner; give up a locker""",
    acts="""bring guests; use the boathouse; vote at meetings; take boats out alone; book two
    courts; wear outdoor shoes on the court; bring food into the reading room; drive the minibus;
    borrow climbing ropes; swim in the lake; stand for the committee; use the trophy room; camp on
    the field; order kit at cost price""",
    offences="""miss a duty shift; leave a boat wet; wear spikes indoors; lose a rope; argue with
    the umpire; arrive late for a match; forget to sign out; take a club bicycle home; leave the
    floodlights on; enter under a false name""",
    things="""megaphone; trophy cabinet key; spare oar; first-aid kit; stopwatch; pump; line
    marker; tea trolley; scoreboard; tent; life jacket; rule book""",
    spots="""in the boathouse; on the top shelf; behind the bar; in locker nine; in the scorer's
    hut; under the grandstand; in the minibus; in the drying room; at the slipway; next to the
    showers; in the loft of the pavilion""",
    topics="""membership; court bookings; kit orders; junior training; travel to matches; the bar;
    first aid; lost property; the newsletter; boat repairs; dietary wishes""",
    outcomes="""the regatta|was|abandoned; the match|was|replayed; the lake|was|closed to swimmers;
    the dinner|was|put off; the captain|was|replaced; the result|was|declared void; the
    boathouse|was|extended; training|was|moved indoors""",
    reasons="""the wind was too strong; the scorebook had been lost; blue algae had spread; the
    caterer had gone bankrupt; the referee had miscounted; a player was too young; lightning had
    been seen; the pitch was under water; the roof let in rain""",
    duties="""mark out the pitch; wash the shirts; keep the score; make the sandwiches; check the
    ropes; drive the minibus; update the website; book the referee; varnish the boats; order the
    trophies; welcome new members""",
    deeds="""scored twice; gave the vote of thanks; repaired the launch; asked about insurance; won
    the sculls; presented the accounts; described the trip to Norway; donated a cup; walked the
    course; raised the matter of showers""",
    terms="""active member=a person who has taken part in four matches this year; home match=a
    match played on our own ground; quorum=one third of the full members; season=the time from the
    first of April to the last day of September; junior=anyone under eighteen on the first of
    January; novice=a rower who has never won a race; club boat=any boat bought with club money""",
    steps="""sign the book; check the weather board; put on a life jacket; carry down the oars;
    warm up; rinse the boat; hang up the ropes; enter the result; lock the shed; report to the
    umpire""",
    hazards="""a match is drawn=both teams get one point; a member owes money for three months=the
    membership ends; the umpire does not appear=the home captain decides; a boat capsizes=the crew
    must stay with it; lightning is seen=everyone leaves the water; a ball is lost=a new one is
    used for the next point; a candidate withdraws=the election is held again""",
    limits="""members on the committee=5-13; guests per member=1-5; boats on the water at
    once=4-20; players in a squad=11-25; climbers on one rope=2-5; nights in the hut=2-10""",
    fillers="""Apologies were received from several members.; The new shirts have arrived.; Our
    website has been redesigned.; The tea was excellent as usual.; We hope to see many of you.; The
    club was founded by railway workers.; The kettle has been replaced.; Nothing else was discussed
    under this heading.""",
)

FAMILY = setting(
    "family",
    roles="""executor; family doctor; ring bearer; toastmaster; vicar; notary; undertaker; nurse;
    guardian; housekeeper; caterer; florist; marriage witness; photographer; solicitor;
    chauffeur""",
    bodies="""family council; memorial fund; burial society; wedding committee; family archive;
    graveside choir; reunion committee""",
    actors="""the grandchildren; the cousins; the lodger; the stepchildren; the godchildren;
    wedding guests; the in-laws; the nephews""",
    fees="""funeral bill=900-6400; nurse's wage=300-1900; yearly allowance=400-8000; cost of the
    headstone=350-2900; dowry=1000-20000; school fund=500-15000; solicitor's fee=120-1500; flower
    bill=30-420; catering bill=200-3800; debt to the bank=700-25000""",
    events="""funeral; wedding; christening; reading of the will; family reunion; memorial service;
    engagement party; house clearance; golden wedding; wake""",
    tasks="""reply to the invitation; claim an heirloom; send photographs; order flowers; contest
    the will; book a room at the inn; return the black suit; choose a hymn; settle the debts; empty
    the wardrobe""",
    acts="""live in the cottage; sell the piano; ride the pony; open the letters; wear the pearls;
    visit without notice; use the family seal; fish in the pond; cut down the walnut tree; borrow
    the silver; publish the diaries; take photographs in the chapel; bring the dog""",
    offences="""quarrel over the will; miss the rehearsal; lend out the silver; hide a letter; sell
    an heirloom; forget the toast; come late to church; open the sealed box""",
    things="""family bible; wedding album; seating plan; christening robe; safe key; guest book;
    silver teapot; deed box; sheet music; ring cushion; address book; sewing box""",
    spots="""in the bureau; in the bank vault; under the bed; in the linen chest; at the vicarage;
    on the piano; in the summer house; with the solicitor; in the left-hand drawer; behind the
    clock; in the hat box""",
    topics="""the flowers; the hymns; travel from the station; gifts; the seating plan; the estate;
    donations; the children's table; rooms at the inn; the music""",
    outcomes="""the wedding|was|postponed; the will|was|changed; the house|was|sold; the
    cousins|were|not invited; the ring|was|returned; the service|was|held at home; the
    pony|was|given away; the garden|was|let""",
    reasons="""the bridegroom had measles; a nephew had gambled; the stairs had become too steep;
    an old quarrel had not been settled; the stone was false; the chapel was snowed in; nobody rode
    any more; the debts had to be paid""",
    duties="""write the invitations; feed the cats; play the organ; collect the cake; hold the
    rings; look after the children; read the poem; drive the bride; sort the letters; tend the
    grave; give the speech""",
    deeds="""sang a psalm; wept openly; came from overseas; carried the coffin; gave a short
    speech; caught the bouquet; sent lilies; danced until midnight; baked the cake; read from her
    letters""",
    terms="""estate=the house, the orchard and all savings; heirs=the persons named in the third
    clause; family silver=the cutlery with the swan mark; minor=any grandchild under twenty-one;
    residue=what is left when all debts are paid; the cottage=the stone house beside the orchard;
    near relative=a person within the second degree of blood""",
    steps="""light the candles; sing the hymn; read the poem; exchange the rings; sign the
    register; throw the rice; cut the cake; open the dancing; raise a glass; thank the guests""",
    hazards="""an heir dies first=the share goes to that heir's children; it rains=the dinner moves
    into the barn; the cottage is sold=the proceeds are divided equally; no will is found=the
    eldest inherits the house; the ring is lost=the jeweller has a copy; nobody claims the piano=it
    goes to the school; the flight is late=the ceremony starts at noon""",
    limits="""guests at the dinner=20-180; speeches=2-7; bridesmaids=1-8; rooms kept at the
    inn=3-30; wreaths on the coffin=1-9; cars in the procession=2-12""",
    fillers="""The chapel was full.; The family thanks everyone for their kindness.; It was a
    bright cold day.; No flowers, please.; The road to the house is steep.; Much was said that will
    not be forgotten.; A light lunch will follow.; The garden had never looked better.""",
)

KITCHEN = setting(
    "kitchen",
    roles="""head chef; pastry cook; sous-chef; head waiter; dishwasher; wine steward; baker;
    butcher; hygiene inspector; kitchen porter; beekeeper; fishmonger; cheesemonger; barista;
    greengrocer""",
    bodies="""bakers' guild; supper club; cookery school; cheese society; canteen committee; wine
    circle""",
    actors="""apprentices; waiters; diners; guests with allergies; suppliers; pupils of the cookery
    school; walk-in guests; private parties""",
    fees="""set menu=12-95; corkage=4-35; tasting menu=40-190; price of a cookery course=45-480;
    delivery charge=3-25; deposit for crockery=20-160; cover charge=1-8; service charge=2-30;
    breakfast=5-26; hire of the long table=15-120""",
    events="""tasting evening; hygiene inspection; harvest dinner; bread course; wine delivery;
    staff meal; cheese fair; knife-skills class; oyster night; brunch""",
    tasks="""order the fish; confirm the menu; cancel a table; return the trays; list all
    allergies; book the cookery course; collect the cake; hand in the aprons; enter the chutney
    contest""",
    acts="""swap a side dish; bring their own wine; enter the cold store; use the slicer; take
    leftovers home; pay by card; smoke on the terrace; sharpen the long knives; bring pushchairs
    inside; order half portions; taste the sauces; wear jewellery at work""",
    offences="""leave the cold store open; burn the stock; break a glass; come without an apron;
    forget to label a box; cancel on the same day; mix up the boards; let a pan boil over; waste
    saffron""",
    things="""fish kettle; fire blanket; pastry brush; long ladle; spice box; thermometer; fruit
    press; preserving pan; sieve; cake stand; order book; cellar key""",
    spots="""on the top shelf; in the cold store; behind the bread oven; in the cellar; under the
    counter; in the pantry; next to the till; on the hook by the door; in the blue crate; over the
    sink""",
    topics="""allergies; group bookings; deliveries; gift vouchers; the wine list; the cookery
    courses; complaints; leftover bread; parking""",
    outcomes="""the soup|was|taken off the menu; the oven|was|replaced; the restaurant|was|closed
    for a week; the fish|was|sent back; the party|was|turned away; the cake|was|baked twice; the
    bread|was|given away; the terrace|was|roofed over""",
    reasons="""the mussels had spoiled; a door no longer shut; a pipe had burst; it smelt of
    petrol; the guests had come two hours late; the dog had got into the larder; the flour was
    nearly out of date; guests kept getting wet""",
    duties="""knead the dough; write the menu; sharpen the knives; scrub the floor; taste the soup;
    lay the tables; order the vegetables; bake the rolls; fold the napkins; polish the glasses""",
    deeds="""invented the sauce; burnt a hand; praised the dumplings; brought three cheeses;
    counted the spoons; tasted every dish; carved the goose; rescued the custard; cooked for the
    whole street""",
    terms="""high season=the weeks from Whitsun to the end of August; large party=a group of more
    than nine diners; house wine=the red and the white from the barrel; light lunch=two courses
    without soup; day-old bread=bread baked the day before; late arrival=a guest who comes half an
    hour after the booked time""",
    steps="""soak the beans; chop the onions; brown the meat; add the stock; stir in the cream;
    simmer it with the lid on; season with salt; strain the sauce; grate the nutmeg; let it cool;
    scatter the herbs; preheat the oven""",
    hazards="""the sauce curdles=a spoonful of cold water is stirred in; a guest does not come=the
    table is given away; the dough is too wet=a handful of flour is added; a glass breaks near
    food=the dish is thrown away; the fridge alarm rings=the head chef is called; the jam does not
    set=it is boiled again with lemon""",
    limits="""diners at the long table=8-30; pupils in a course=4-16; loaves in the oven=6-40;
    bottles per guest=1-3; eggs in one batch=2-12; dishes on the menu=6-28""",
    fillers="""The recipe comes from my aunt.; It tastes even better the next day.; Serve it with
    good bread.; The market was full of plums.; Use the best butter you can afford.; The kitchen
    was hot that evening.; Second helpings are encouraged.; The handwriting is hard to read.""",
)
