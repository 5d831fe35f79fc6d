"""What rules are about: how a rule names it, and what people call it when they ask."""

from __future__ import annotations

from lab.train.answering.papers.wording import entries

MATTERS = entries(
    """
pets|animals|four-legged friends=keep a cat|have a dog|own a hamster|bring my spaniel;
smoking|cigarettes and cigars|tobacco=smoke a pipe|have a cigarette|have a smoke;
open fires|naked flames=light a candle|make a bonfire|burn leaves;
alcohol|beer, wine and spirits=drink a beer|open a bottle of champagne|bring whisky;
photography|cameras|pictures of any kind=take a photo|film with my phone|make a video;
food and drink|eating and drinking=have a sandwich|drink a coffee|unpack my lunch;
cars|motor vehicles|parking=park my van|leave my car here|drive up to the door;
bicycles|cycling=ride my bike|lean my bike against the wall|come on a tricycle;
overnight guests|visitors at night=have a friend to stay|let my sister sleep here|put up my parents
for a night;
subletting|letting to others=rent out a room|let a friend take over the lease|take in a lodger;
alterations|building work|changes to the structure=knock down a wall|put in a shower|move a door;
mobile phones|telephone calls=ring my mother|send a text message|answer my phone;
ball games|football and the like=kick a ball about|play volleyball|throw a frisbee;
late arrivals|entry after the start=come ten minutes late|slip in after the beginning;
payment by card|bank cards=use my credit card|pay with plastic|pay without notes and coins;
cash payments|coins and notes=pay with ready money|pay in coppers;
bathing|swimming=jump into the water|go for a dip|take the children into the lake;
camping|tents and caravans=sleep in my camper van|put up a tent|spend the night under canvas;
cancellations|withdrawals=call off my booking|drop out|give back my place;
secondary employment|other paid work=take another job|earn money elsewhere|work for a second firm;
remote work|working at home=do my job from my kitchen|stay at home and work;
street shoes|outdoor footwear=keep my boots on|wear trainers inside|come in with sandals;
loud music|noise|amplified sound=play the drums|turn up the radio|have a noisy party;
copying|photocopies|reproduction=make a copy of a page|scan a chapter|photocopy the plan;
lending to third parties|passing things on=give it to a friend|let my brother use it|lend it to a
neighbour;
holes in the walls|nails and screws=drill a hole|hang up a picture|put up a shelf;
laundry|the washing of clothes=do my washing|dry shirts|use a washing machine;
drones|model aircraft=fly a drone|let a model plane take off;
fishing|angling=catch a trout|cast a line|try for a pike;
the picking of flowers|collecting plants=take home a daisy|gather heather|dig up a fern;
firewood|the cutting of wood=chop up a branch|saw a log|take home some logs;
children under twelve|small children=bring my baby|take my six-year-old along|come with my toddler;
weapons|knives and other blades=carry a penknife|bring a dagger;
large bags|rucksacks and suitcases=take my rucksack inside|wheel a suitcase through;
umbrellas|sticks and parasols=open my umbrella|take a walking stick in;
perfume|strong scents=wear aftershave|spray deodorant;
jewellery|rings and chains=keep my earrings on|wear a necklace;
advertising|leaflets and posters=hand out flyers|stick up a poster|advertise my shop;
collections|fund-raising=ask people for donations|pass round a hat;
betting|games of chance=play cards for money|lay a bet;
power tools|electric machines=use my electric drill|run a chainsaw;
night work|work after dark=stay on until midnight|carry on after ten in the evening;
private letters|personal mail=have a parcel sent here|post my own letters;
dictionaries|books of reference=look a word up|bring a glossary;
calculators|electronic aids=add up on my phone|use a pocket computer;
half portions|smaller helpings=have a smaller plate|eat just half a serving;
wheelchairs|walking frames=come in a wheelchair|bring my rollator;
substitutes|stand-ins=send somebody else in my place|let my cousin go for me;
exchanges|swapping=get another one for it|change the size;
instalments|part payments=pay bit by bit|spread the cost over a year;
early departures|leaving before the end=go home after an hour|slip out before it is over;
recordings|tape machines and microphones=tape it|record the talk;
barbecues|grilling=grill sausages|cook a steak outside;
visits|visitors=come and see her|drop in for an hour;
travel by air|flights=take a plane|fly there;
private trips with the car|private mileage=drive to the seaside with it|take it on holiday;
overtime|extra hours=work longer today|stay late at my desk;
decorations|posters and pictures=put up balloons|hang paper chains;
chewing gum|sweets=suck a mint|chew a gum;
headphones|music players=listen to songs|have my earphones in;
running|sports in the corridors=jog through|have a race;
complaints by telephone|telephone complaints=ring up and complain|protest by phone;
oral orders|orders by word of mouth=order without writing|just say what I want;
fireworks|rockets and bangers=let off a rocket|set off crackers;
glass bottles|glasses and jars=bring a jam jar|drink from a bottle;
"""
)
