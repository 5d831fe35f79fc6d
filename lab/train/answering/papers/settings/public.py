"""Settings open to the public: a theatre, a school, a hospital, a museum."""

from __future__ import annotations

from lab.train.answering.papers.setting import setting

STAGE = setting(
    "stage",
    roles="""director; stage manager; costume designer; prompter; lighting technician;
    choreographer; pianist; playwright; wig maker; set builder; conductor; box office clerk; fight
    arranger; usher; puppet maker; narrator; translator""",
    bodies="""youth theatre; opera chorus; puppet theatre; brass band; string quartet; summer
    festival; dance company""",
    actors="""understudies; ticket holders; members of the chorus; latecomers; stagehands;
    schoolchildren; friends of the theatre; musicians""",
    fees="""ticket price=6-85; programme=1-9; cloakroom charge=1-5; rehearsal fee=20-160;
    royalty=50-900; hire of the harp=40-280; costume deposit=20-140; price of a box=60-340;
    audition fee=5-40; tour allowance=15-90""",
    events="""premiere; dress rehearsal; audition; matinee; last performance; costume sale; open
    rehearsal; reading of the play; charity concert; scenery move""",
    tasks="""return the scripts; learn the second act; collect reserved tickets; send in a play;
    hand back the costumes; name an understudy; order programmes; renew a season ticket; sign up
    for the chorus""",
    acts="""take photographs; enter during the overture; bring drinks into the stalls; change
    seats; wear their own shoes on stage; leave through the stage door; exchange tickets; use the
    dressing rooms; eat in costume; watch from the wings; borrow swords; prompt from the pit; sell
    programmes""",
    offences="""miss a cue; lose a wig; arrive after the second bell; ring a telephone in the
    stalls; tear a costume; laugh on stage; leave props lying about; forget the trumpet; whistle
    backstage""",
    things="""prompt book; thunder sheet; wig box; smoke machine; music stand; crown; trapdoor key;
    stage dagger; follow spot; sewing kit; curtain rope; conductor's baton""",
    spots="""in the prompt corner; under the stage; in dressing room two; above the flies; in the
    orchestra pit; in the props cupboard; at the stage door; in the box office; behind the
    backdrop; in the wardrobe; on the grand piano""",
    topics="""group tickets; costumes; auditions; wheelchair places; the programme; lost gloves;
    school visits; sponsors; the chorus; sheet music""",
    outcomes="""the premiere|was|postponed; the second act|was|shortened; the
    overture|was|repeated; the chorus|was|doubled; the curtain|was|lowered; the matinee|was|sold
    out; the ghost scene|was|left out; the play|was|banned""",
    reasons="""the tenor had lost his voice; the last bus left at eleven; the scenery had not
    dried; the hall was larger than expected; a lamp had caught fire; a famous actor was visiting;
    children had been frightened; the governor felt mocked; a string had broken""",
    duties="""pull the curtain; check the tickets; mend the costumes; paint the scenery; tune the
    harp; move the lights; call the actors; sell the ices; turn the pages; sweep the stage""",
    deeds="""wrote the music; built the balcony; sang without a microphone; sewed forty gowns; fell
    off the stage; rewrote the ending; painted the forest; lent the cannon; taught the dances""",
    terms="""company=everyone who is on stage or behind it; dark day=a day without a performance;
    front rows=the first four rows of the stalls; reduced ticket=a ticket at half price; run=all
    performances from the premiere to the last night; hand prop=any object an actor carries on;
    school performance=one that begins before noon""",
    steps="""dim the lights; raise the curtain; roll the thunder; lower the moon; fire the cannon;
    bring on the horse; drop the net; strike the gong; change the scene; call the cast""",
    hazards="""an actor falls ill=the understudy goes on; a performance is cancelled=tickets stay
    valid; the lights fail=the play goes on by candlelight; someone comes late=the gallery must be
    used; a costume is lost=the deposit is kept; fewer than thirty tickets are sold=the matinee is
    dropped; the harp goes out of tune=the interval is moved forward""",
    limits="""tickets per person=2-10; singers in the chorus=12-60; people in a box=4-8; minutes of
    the interval=10-35; children on stage=4-30; rehearsals per week=1-6""",
    fillers="""The action takes place in one night.; There will be one interval.; The bar opens
    early.; The theatre was once a granary.; Applause went on for minutes.; The scenery is our
    own.; Please switch off your telephones.; Critics were divided.""",
)

SCHOOL = setting(
    "school",
    roles="""head teacher; form teacher; school nurse; caretaker's assistant; music teacher; bus
    driver; head of science; deputy head; librarian; class representative; swimming instructor;
    canteen supervisor; exam officer; careers adviser; drama teacher; school secretary""",
    bodies="""chess team; parents' council; school orchestra; debating society; sixth form;
    gardening club; night school""",
    actors="""pupils; parents; sixth-formers; new pupils; pupils with a bus pass; former pupils;
    exchange students; day pupils""",
    fees="""term fee=120-4200; exam fee=15-130; lunch money=2-45; deposit for books=10-80; price of
    the school trip=20-480; laboratory charge=5-40; bus pass=18-220; music lesson=12-60; uniform
    voucher=15-110""",
    events="""parents' evening; sports day; school play; spelling contest; entrance examination;
    class trip; prize day; science fair; swimming gala; leavers' assembly""",
    tasks="""hand in the essay; return library books; choose a second language; enrol for evening
    classes; pay for the trip; bring back the consent form; order the uniform; apply for a
    scholarship; register for the exam""",
    acts="""use calculators; leave at lunchtime; cycle to school; retake a test; chew gum; stay in
    the library after lessons; bring telephones to class; use the lift; dye their hair; swap desks;
    wear trainers; borrow instruments; park by the gate; eat in the corridor""",
    offences="""lose a library book; copy homework; run in the corridor; forget the gym kit;
    scribble on a desk; skip a lesson; climb on the roof; come without a tie; break a test tube""",
    things="""globe; class register; lost property box; microscope; skeleton; hand bell; chess set;
    atlas; overhead projector; football net; glue gun; spare uniform""",
    spots="""in the staff room; in the science lab; under the blackboard; in room twelve; in the
    gym store; at the school office; on the library counter; in the music room; beside the trophy
    case; in the canteen; behind the stage""",
    topics="""absences; school meals; scholarships; lost clothing; the exchange with Graz;
    homework; bullying; the school bus; music lessons; exam results""",
    outcomes="""sports day|was|put off; the lesson|was|cancelled; the exam|was|repeated; the
    pupils|were|sent home; the pool|was|emptied; the library|was|moved; the bell|was|silenced; the
    tie|was|abolished""",
    reasons="""the heating had failed; the papers had been stolen; the teacher was snowed in; the
    shelves were overloaded; a tile had come loose; candidates could not hear; parents had
    complained; the track was icy; a swarm of bees had settled""",
    duties="""clean the blackboard; ring the hand bell; collect the homework; feed the hamster;
    supervise the playground; mark the essays; run the tuck shop; carry the register; tidy the
    library""",
    deeds="""won the spelling contest; organised the trip; wrote the school song; broke the record;
    played the cello; taught two classes at once; planted the lime tree; fainted during assembly;
    corrected ninety papers""",
    terms="""upper school=the classes from year nine on; absence=any missed lesson without a note;
    full marks=at least fifty-eight points of sixty; guardian=the person who signs the report; late
    arrival=a pupil who comes after the second bell; core subject=English, mathematics or science;
    day trip=an outing without a night away""",
    steps="""read the text aloud; underline the verbs; copy the diagram; answer the questions; swap
    papers; mark the mistakes; draw the map; hand in the sheet; weigh the sample; light the
    burner""",
    hazards="""a pupil is ill=the office must be called before eight; a book is lost=its price is
    charged; the exam is failed=it can be repeated once; snow falls=the bus leaves an hour earlier;
    a pupil cheats=the paper is marked zero; no parent comes=the child waits in the library; the
    fire bell rings=classes meet on the field""",
    limits="""pupils in a class=14-34; books on loan=2-10; absences per term=2-12; children in the
    pool=8-30; pages of an essay=2-12; points for a correct answer=2-9""",
    fillers="""The canteen has been repainted.; Please sign and return the slip below.; The choir
    sang beautifully.; A warm welcome to all newcomers.; The school was founded by weavers.; Lost
    gloves are piling up.; The term has been a long one.; Thank you for your support.""",
)

CLINIC = setting(
    "clinic",
    roles="""ward sister; anaesthetist; night nurse; physiotherapist; pharmacist; chaplain;
    surgeon; dietician; midwife; hospital porter; registrar; speech therapist; ambulance driver;
    medical secretary; dentist; patients' advocate""",
    bodies="""blood donors' league; friends of the hospital; ward council; care home council;
    nurses' association; hospital choir""",
    actors="""patients; relatives; visitors under twelve; blood donors; outpatients; residents of
    the home; student nurses; private patients""",
    fees="""prescription charge=3-28; fee for a single room=40-240; telephone charge=1-9; dental
    check=20-130; vaccination fee=12-95; physiotherapy session=25-110; copy of the records=5-35;
    ambulance charge=40-420; cost of new glasses=60-380""",
    events="""blood donation; first-aid course; antenatal class; ward round; vaccination morning;
    visiting hour; eye test; discharge interview; hygiene training""",
    tasks="""cancel an appointment; bring the insurance card; collect the prescription; order a
    special diet; sign the consent form; return the crutches; book the check-up; fill in the
    questionnaire; name a contact person""",
    acts="""visit in the evening; eat before the operation; use a telephone on the ward; keep their
    own pyjamas; bring flowers; leave the ward; drink coffee; see their records; stay overnight
    with a child; choose the doctor; take a bath; bring pets; drive after the examination""",
    offences="""miss an appointment; smoke at the entrance; park in the ambulance bay; keep the
    crutches; lose the wristband; enter without a mask; disturb the night rest; remove a chart""",
    things="""blood pressure monitor; wheelchair; patient list; oxygen bottle; medicine trolley;
    crutches; ice pack; spare blanket; ear thermometer; key to the drug cabinet; X-ray folder;
    hearing aid box""",
    spots="""at the nurses' station; in the linen room; beside the lift; in bay three; in the
    dispensary; in the day room; behind the screen; in the operating theatre; at the front desk; in
    the treatment room; under the bed""",
    topics="""appointments; diets; visiting times; test results; insurance; lost property;
    transport home; complaints; hearing aids; the chapel""",
    outcomes="""the operation|was|postponed; the ward|was|closed to visitors; the
    patient|was|moved; the tablets|were|changed; the clinic|was|opened on a Sunday; the
    test|was|repeated; the window|was|kept shut; the course|was|doubled in length""",
    reasons="""a fever had set in; a stomach bug was going round; the bed by the window was
    quieter; a rash had appeared; too many people were waiting; the sample had been mislabelled;
    pollen was in the air; many had failed; the surgeon was needed elsewhere""",
    duties="""change the dressings; count the tablets; take the temperatures; push the medicine
    trolley; write the reports; make the beds; order the blood; read to the patients; answer the
    night bell""",
    deeds="""set the broken arm; noticed the rash; calmed the child; gave blood for the fiftieth
    time; signed the discharge; found a bed; translated for the family; ordered the X-ray; held the
    lamp""",
    terms="""fasting=no food or drink except water for eight hours; next of kin=the person named on
    the blue card; night rest=the time from nine in the evening to six in the morning; outpatient=a
    patient who does not stay overnight; light diet=food without fat or raw fruit; urgent case=a
    patient who must be seen within an hour""",
    steps="""wash your hands; check the name; take the pulse; clean the wound; apply the ointment;
    fold the bandage; record the time; label the sample; call the porter; disinfect the table""",
    hazards="""the fever rises=the doctor is called; a dose is forgotten=it must not be doubled; an
    appointment is missed=a charge is made; the wound bleeds=press on it for ten minutes; the alarm
    on the pump sounds=the tube is checked first; no bed is free=the patient is sent to the next
    hospital; a rash appears=the tablets are stopped""",
    limits="""visitors at a bed=1-4; tablets per day=1-8; nights in hospital=1-14; beds on the
    ward=12-48; minutes of exercise=5-40; cups of coffee=1-4""",
    fillers="""Please arrive in good time.; The cafeteria is on the ground floor.; The corridor has
    been painted yellow.; We wish you a speedy recovery.; The lift is slow.; Your doctor will
    explain the rest.; Take this sheet with you.; The garden is open to everyone.""",
)

MUSEUM = setting(
    "museum",
    roles="""curator; restorer; night guard; museum educator; photographer; cloakroom attendant;
    taxidermist; chair of the trustees; registrar of loans; map librarian; bookbinder; exhibition
    designer; cashier; geologist; guide for the blind; gallery owner""",
    bodies="""friends of the museum; map society; planetarium club; costume circle; acquisitions
    committee; reading circle""",
    actors="""readers; school groups; photographers; members; day ticket holders; researchers;
    children; lenders""",
    fees="""admission=3-28; audio guide=2-9; reader's card=5-40; reproduction fee=15-260; tour
    price=20-150; locker deposit=1-5; family ticket=12-60; restoration cost=200-9000; insurance
    value=900-80000; membership fee=15-120""",
    events="""opening of the exhibition; night at the museum; book sale; lecture on comets; guided
    tour; auction of duplicates; members' evening; workshop for children; closing of the reading
    room""",
    tasks="""return borrowed books; reserve a seat; collect the painting; apply for a reader's
    card; submit an essay; claim a lost item; register the group; vote for the best picture; order
    reproductions""",
    acts="""touch the models; use flash; bring umbrellas; sketch in pencil; copy old maps; enter
    the stacks; eat in the hall; borrow reference books; photograph the manuscripts; carry
    rucksacks; reserve seats; use ink; climb the tower""",
    offences="""return a book late; touch a painting; lose a locker key; fold a map; mark a page;
    talk in the reading room; lean on a case; flash at the tapestry; mislay a catalogue card""",
    things="""magnifying glass; visitors' book; key to the tower; globe of 1750; catalogue;
    meteorite; book trolley; display case key; ivory fan; humidity meter; folding stool; slide
    projector""",
    spots="""in gallery five; in the tower; in the vault; behind the ticket desk; on the mezzanine;
    in the map room; in the left-hand showcase; at the cloakroom; in the conservation studio; under
    the dome; by the dinosaur""",
    topics="""loans; photography; school visits; donations; lost cards; the audio guides; opening
    hours; reproductions; the café; guided tours""",
    outcomes="""the gallery|was|closed; the portrait|was|renamed; the vase|was|returned; the
    lecture|was|moved; the meteorite|was|weighed again; the letters|were|locked away; the
    museum|was|opened free of charge; the tapestry|was|taken down""",
    reasons="""the roof leaked; a date had been found on the back; a theft had come to light; the
    speaker was hoarse; the old figure was in doubt; a daughter still lives; the founder had wished
    it so; moths had got in; dust had covered the glass""",
    duties="""dust the showcases; stamp the books; guard the tapestry; lead the tours; catalogue
    the maps; wind the clocks; check the humidity; sell the postcards; repair the bindings""",
    deeds="""discovered the forgery; donated the coins; opened the exhibition; restored the fresco;
    catalogued the shells; broke the glass eye; translated the inscription; hung the portraits;
    bought the comet map""",
    terms="""reader=a person with a valid card; rare book=any book printed before 1800; short
    loan=a loan of two days; lender=the owner of an object on show; closed stacks=the rooms behind
    the iron door; school group=at least eight pupils with a teacher; overdue item=a book kept
    beyond the last date stamped in it""",
    steps="""fill in the slip; show the card; leave the bag; put on gloves; take the box; lay out
    the maps; turn the pages; note the number; close the case; hand back the box""",
    hazards="""a book is damaged=the reader pays for the binding; the alarm goes off=all doors
    lock; a loan is late=the card is suspended; the air is too dry=the case is opened; a child gets
    lost=the cashier makes an announcement; a locker key is lost=the deposit is kept; the group is
    too large=it is divided in two""",
    limits="""books at a time=2-12; visitors in the tower=5-30; days of a loan=7-42; pupils per
    tour=8-30; maps on one table=1-5; minutes in the vault=10-60""",
    fillers="""The catalogue is out of print.; The café is open.; Entrance is from the square.; The
    collection grew slowly.; A lift is available.; The building was once a corn exchange.; Children
    love the dinosaur.; The labels are new.""",
)
